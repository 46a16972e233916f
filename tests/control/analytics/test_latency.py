"""Latency histograms: the median of a sum of them is near the median of all turns."""

from statistics import median_low

from hypothesis import given
from hypothesis import strategies as st

from control.analytics.latency import Histogram, add_histograms, add_turn, median_ms


@given(st.lists(st.lists(st.integers(20, 80_000), max_size=30), min_size=1, max_size=4))
def test_median_of_a_sum_is_at_most_a_tenth_off(groups: list[list[int]]) -> None:
    histograms = []
    for turns in groups:
        histogram: Histogram = {}
        for ms in turns:
            histogram = add_turn(histogram, ms)
        histograms.append(histogram)
    found = median_ms(add_histograms(histograms))
    every = sorted(ms for turns in groups for ms in turns)
    if not every:
        assert found is None
        return
    exact = median_low(every)
    assert found is not None
    assert 0.93 * exact <= found <= 1.07 * exact


def test_nothing_is_known_without_turns() -> None:
    assert median_ms({}) is None
    assert median_ms(add_turn({}, 0)) == 1
