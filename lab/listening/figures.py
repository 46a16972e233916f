"""Shares and percentiles of cases."""

import math
from collections.abc import Sequence
from typing import Final

import numpy as np

_Z: Final = 1.96


def share(flags: Sequence[bool]) -> float:
    """The share of true ones; nan for none."""
    return float(np.mean(flags)) if flags else float("nan")


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile with linear interpolation; nan for no values."""
    return float(np.percentile(values, percent)) if values else float("nan")


def interval(flags: Sequence[bool]) -> tuple[float, float]:
    """Return the Wilson interval of a share at 95 % confidence; nan for no flags."""
    count = len(flags)
    if not count:
        return float("nan"), float("nan")
    part, spread = sum(flags) / count, _Z * _Z / count
    middle = (part + spread / 2) / (1 + spread)
    half = _Z / (1 + spread) * math.sqrt(part * (1 - part) / count + spread / count / 4)
    return max(0.0, middle - half), min(1.0, middle + half)
