"""When parts of an utterance were heard, with holds and underruns between them."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.call.heard_times import HeardTimes


def heard(*stretches: tuple[float, float, float]) -> HeardTimes:
    times = HeardTimes()
    for start, end, at in stretches:
        times.add(start, end, at)
    return times


@pytest.mark.parametrize(
    ("part", "found"),
    [
        ((100, 300), (1_100, 1_300)),
        ((400, 600), (3_400, 3_600)),  # said again after the hold
        ((350, 450), (1_350, 1_450)),
        ((450, 900), None),  # its end was not heard
        ((900, 950), None),
    ],
)
def test_what_is_repeated_after_a_hold_counts_the_last_time(
    part: tuple[float, float], found: tuple[float, float] | None
) -> None:
    assert heard((0, 500, 1_000), (400, 800, 3_400)).find(*part) == found


def test_a_word_across_an_underrun_is_longer() -> None:
    assert heard((0, 500, 1_000), (500, 1_000, 2_500)).find(400, 600) == (1_400, 2_600)


def test_nothing_was_heard_of_an_utterance_that_did_not_begin() -> None:
    assert HeardTimes().find(0, 100) is None


@settings(max_examples=30)
@given(st.lists(st.integers(1, 200), min_size=1, max_size=30), st.data())
def test_pieces_without_gaps_are_one_stretch(pieces: list[int], data: st.DataObject) -> None:
    times, at = HeardTimes(), 0
    for piece in pieces:
        times.add(at, at + piece, 5_000 + at)
        at += piece
    start = data.draw(st.integers(0, at))
    end = data.draw(st.integers(start, at))
    assert times.find(start, end) == (5_000 + start, 5_000 + end)
    assert len(times._stretches) == 1
