"""The ratio of two commits' costs, and its interval."""

import pytest

from lab.benchmarks.comparison import interval


def test_interval_of_known_ratios() -> None:
    ratio = interval([0.9, 1.0, 1.1, 1.0, 0.95, 1.05])
    # Computed by hand: the logs have mean -0.00183 and standard deviation 0.0717; t(5) = 2.57.
    assert ratio.mean == pytest.approx(0.998, abs=0.001)
    assert ratio.low == pytest.approx(0.926, abs=0.002)
    assert ratio.high == pytest.approx(1.076, abs=0.002)


def test_equal_ratios_have_no_spread() -> None:
    ratio = interval([1.2] * 8)
    assert ratio.low == pytest.approx(1.2)
    assert ratio.high == pytest.approx(1.2)


def test_fewer_pairs_give_a_wider_interval() -> None:
    few, many = interval([0.9, 1.1]), interval([0.9, 1.1] * 5)
    assert few.high - few.low > many.high - many.low
