"""Shares and percentiles of cases."""

from collections.abc import Sequence

import numpy as np


def share(flags: Sequence[bool]) -> float:
    """The share of true ones; nan for none."""
    return float(np.mean(flags)) if flags else float("nan")


def percentile(values: Sequence[float], percent: float) -> float:
    """A percentile with linear interpolation; nan for no values."""
    return float(np.percentile(values, percent)) if values else float("nan")
