"""Latency histograms: numbers of turns per bucket. Each bucket is a tenth wider than the previous one.

Unlike percentiles, histograms can be added up over calls, days and workspaces.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from math import floor, log
from typing import Final

_GROWTH: Final = 1.1
# The last bucket starts at 1.1^120 ms = 92,709 ms. No turn takes longer.
LAST_BUCKET: Final = 120

# Number of turns by bucket. The keys are strings, because JSON requires it.
Histogram = Mapping[str, int]


def bucket_of(ms: int) -> str:
    """Return the bucket of a latency. Bucket n covers 1.1^n ms to 1.1^(n+1) ms. Latencies below 1 ms are in the first
    bucket.
    """
    return str(min(LAST_BUCKET, floor(log(max(1, ms), _GROWTH))))


def add_turn(histogram: Histogram, ms: int) -> Histogram:
    """Return the histogram with an added turn."""
    bucket = bucket_of(ms)
    return {**histogram, bucket: histogram.get(bucket, 0) + 1}


def add_histograms(histograms: Iterable[Histogram]) -> Histogram:
    """Return the sum of the histograms."""
    total: Counter[str] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return total


def median_ms(histogram: Histogram) -> int | None:
    """Return the p50 in ms, or None without turns. The middle of the bucket is returned, which is off by at most 5
    %."""
    turns = sum(histogram.values())
    seen = 0
    for bucket in sorted(histogram, key=int):
        seen += histogram[bucket]
        if turns and 2 * seen >= turns:
            return round(float(_GROWTH ** (int(bucket) + 0.5)))
    return None
