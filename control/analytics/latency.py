"""Latency histograms: turns by bucket, whose bounds grow by a tenth each. They add up over calls, days and workspaces,
which percentiles do not."""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import floor, log
from typing import Final

_GROWTH: Final = 1.1
# 1.1^120 ms are 92,709 ms: no turn waits longer.
LAST_BUCKET: Final = 120

# Turns by bucket; as JSON the buckets are texts.
Histogram = Mapping[str, int]


def bucket_of(ms: int) -> str:
    """Return the bucket of a latency: bucket n holds 1.1^n ms up to 1.1^(n+1) ms; shorter ones are in the first."""
    return str(min(LAST_BUCKET, floor(log(max(1, ms), _GROWTH))))


def add_turn(histogram: Histogram, ms: int) -> Histogram:
    """Return the histogram with one turn more."""
    bucket = bucket_of(ms)
    return {**histogram, bucket: histogram.get(bucket, 0) + 1}


def add_histograms(histograms: Iterable[Histogram]) -> Histogram:
    """Return the sum of several."""
    total: Counter[str] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def median_ms(histogram: Histogram) -> int | None:
    """Return the p50 in ms, by the middle of its bucket: at most 5 % off. None without turns."""
    turns = sum(histogram.values())
    seen = 0
    for bucket in sorted(histogram, key=int):
        seen += histogram[bucket]
        if turns and 2 * seen >= turns:
            return round(float(_GROWTH ** (int(bucket) + 0.5)))
    return None
