"""Vendors' figures of the end of a turn as probabilities."""

import math
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.providers.turn_calibration import CALIBRATIONS, TurnCalibration

BENT = TurnCalibration(((0.0, 0.1), (0.4, 0.7), (1.0, 0.9)))


@pytest.mark.parametrize(("figure", "probability"), [(0, 0.1), (0.2, 0.4), (0.4, 0.7), (0.7, 0.8), (1, 0.9)])
def test_it_is_linear_between_points(figure: float, probability: float) -> None:
    assert BENT.probability(figure) == pytest.approx(probability)


@pytest.mark.parametrize("figure", [math.nan, math.inf, 7, -0.01, True, None, "0.5", [0.5]])
def test_value_that_is_not_a_number_has_no_probability(figure: object) -> None:
    assert BENT.probability(figure) is None


@pytest.mark.parametrize("model", CALIBRATIONS)
def test_each_covers_all_figures(model: str) -> None:
    points = CALIBRATIONS[model].points
    assert (points[0][0], points[-1][0]) == (0.0, 1.0)
    assert all(low < high for (low, _), (high, _) in pairwise(points))


@settings(max_examples=50)
@given(st.sampled_from(sorted(CALIBRATIONS)), st.floats(0, 1))
def test_each_gives_probabilities(model: str, figure: float) -> None:
    found = CALIBRATIONS[model].probability(figure)
    assert found is not None
    assert 0 <= found <= 1


DONE, STILL_OPEN = 0.7, 0.3


def test_the_vendors_own_thresholds_have_the_same_probability() -> None:
    """0.7 of Flux ends a turn by the vendor's default; 0.2 of Ink does, and 0.4 is an end that may be taken back."""
    flux, ink = CALIBRATIONS["flux"], CALIBRATIONS["ink-2"]
    assert flux.probability(0.7) == pytest.approx(DONE)
    assert ink.probability(0.2) >= DONE > ink.probability(0.4) > STILL_OPEN  # type: ignore[operator]


def test_marks_count_only_where_the_vendor_ends_turns_by_them() -> None:
    marked = [name for name, found in CALIBRATIONS.items() if found.mark is not None]
    assert marked == ["universal-3"]
    mark = CALIBRATIONS["universal-3"].mark
    assert mark is not None
    assert mark.closed >= DONE and mark.open < STILL_OPEN
    for text in ("Yes.", "Really?", "\N{HIRAGANA LETTER A}\N{IDEOGRAPHIC FULL STOP}", 'He said "no!" '):
        assert mark.probability(text) == mark.closed
    for text in ("Yes,", "I want", "", "about 3.5 or", "well..., so"):
        assert mark.probability(text) == mark.open


@pytest.mark.parametrize("name", CALIBRATIONS)
def test_the_vendors_thresholds_are_exact(name: str) -> None:
    """0.6999… in place of 0.7 would count for nothing at the vendor's own threshold."""
    found = CALIBRATIONS[name]
    assert [found.probability(figure) for figure, _ in found.points] == [wanted for _, wanted in found.points]
