"""Frames sorted by their numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from media.telephony.codec import InboundAudio
from media.telephony.jitter import RESTART_AFTER, JitterBuffer


def frame(number: int) -> InboundAudio:
    return InboundAudio(b"", number)


def numbers(buffer: JitterBuffer, arrivals: list[int]) -> list[int]:
    """The numbers returned while frames arrive, without the flush."""
    return [audio.at_ms for number in arrivals for audio in buffer.push(number, frame(number))]


def test_frames_in_order_are_returned_at_once() -> None:
    buffer = JitterBuffer()
    for number in range(1, 100):
        assert [audio.at_ms for audio in buffer.push(number, frame(number))] == [number]
    assert (buffer.lost, buffer.late, buffer.duplicates) == (0, 0, 0)


def test_two_swapped_frames() -> None:
    buffer = JitterBuffer()
    assert numbers(buffer, [1, 3]) == [1]
    assert numbers(buffer, [2]) == [2, 3]
    assert numbers(buffer, [4]) == [4]
    assert buffer.lost == 0


def test_first_frames_swapped() -> None:
    assert numbers(JitterBuffer(), [3, 2, 1, 4]) == [1, 2, 3, 4]
    assert numbers(JitterBuffer(bound=5), [6, 5, 4, 3, 2, 1]) == [1, 2, 3, 4, 5, 6]


def test_duplicates_are_dropped() -> None:
    buffer = JitterBuffer()
    assert numbers(buffer, [1, 1, 3, 3, 2, 2]) == [1, 2, 3]
    assert buffer.duplicates == 3


def test_gap_is_skipped_after_the_bound_and_late_frames_are_counted() -> None:
    buffer = JitterBuffer(bound=5)
    assert numbers(buffer, [1, 4, 5, 6, 7, 8]) == [1]
    assert numbers(buffer, [9]) == [4, 5, 6, 7, 8, 9]
    assert buffer.lost == 2
    assert numbers(buffer, [2, 10, 3]) == [10]
    assert (buffer.late, buffer.duplicates) == (2, 0)


@pytest.mark.parametrize("start", [0, 1, 500])
def test_stream_is_played_after_its_sequence_numbers_restart(start: int) -> None:
    buffer = JitterBuffer()
    numbers(buffer, list(range(1, 1_001)))
    again = list(range(start, start + 60))
    assert numbers(buffer, again) == again[RESTART_AFTER:]
    assert buffer.duplicates == RESTART_AFTER


def test_one_frame_with_a_wrong_number_does_not_end_the_callers_audio() -> None:
    """It is held, and let go while no audio comes."""
    buffer = JitterBuffer()
    assert numbers(buffer, [1, 2, 10**9, 3, 4]) == [1, 2, 3, 4]
    assert [audio.at_ms for audio in buffer.flush()] == [10**9]
    assert numbers(buffer, list(range(5, 60))) == list(range(5 + RESTART_AFTER, 60))


def test_copies_of_each_frame_do_not_begin_again() -> None:
    buffer = JitterBuffer()
    assert numbers(buffer, [number for number in range(1, 200) for _ in range(3)]) == list(range(1, 200))
    assert numbers(buffer, [5] * (RESTART_AFTER - 2) + [200]) == [200]


def test_no_delay_remains_after_a_gap() -> None:
    buffer = JitterBuffer(bound=2)
    numbers(buffer, [1, 3, 4, 5])
    assert numbers(buffer, [6]) == [6]


def test_two_gaps_are_skipped_one_by_one() -> None:
    buffer = JitterBuffer(bound=2)
    assert numbers(buffer, [1, 3, 5, 7]) == [1, 3]
    assert numbers(buffer, [8]) == [5]
    assert buffer.lost == 2


def test_stream_may_start_at_any_number() -> None:
    assert numbers(JitterBuffer(), [0, 1]) == [0, 1]
    assert numbers(JitterBuffer(), [500, 501]) == [500, 501]


def test_far_number_does_not_delay_the_rest() -> None:
    buffer = JitterBuffer()
    assert numbers(buffer, [1, 2**53, 2, 3]) == [1, 2, 3]
    assert [audio.at_ms for audio in buffer.flush()] == [2**53]


def test_flush_returns_held_frames_and_counts_the_gaps() -> None:
    buffer = JitterBuffer()
    numbers(buffer, [1, 3, 6])
    assert [audio.at_ms for audio in buffer.flush()] == [3, 6]
    assert buffer.lost == 3
    assert buffer.flush() == []


@given(st.lists(st.integers(0, 60), max_size=RESTART_AFTER), st.integers(0, 8))
def test_output_is_sorted_and_unique_and_every_frame_is_counted(arrivals: list[int], bound: int) -> None:
    buffer = JitterBuffer(bound)
    out = numbers(buffer, arrivals) + [audio.at_ms for audio in buffer.flush()]
    assert out == sorted(set(out))
    assert set(out) <= set(arrivals)
    assert len(out) + buffer.late + buffer.duplicates == len(arrivals)


@given(st.lists(st.integers(0, 60), unique=True), st.integers(0, 8))
def test_never_more_than_the_bound_is_held(arrivals: list[int], bound: int) -> None:
    buffer = JitterBuffer(bound)
    for number in arrivals:
        buffer.push(number, frame(number))
        assert 0 <= len(buffer._held) <= bound


@given(st.data(), st.integers(1, 60), st.integers(0, 6))
def test_nothing_is_lost_within_the_bound(data: st.DataObject, count: int, bound: int) -> None:
    delays = data.draw(st.lists(st.integers(0, bound), min_size=count, max_size=count))
    arrivals = sorted(range(1, count + 1), key=lambda number: number + delays[number - 1])
    buffer = JitterBuffer(bound)
    out = numbers(buffer, arrivals) + [audio.at_ms for audio in buffer.flush()]
    assert out == list(range(1, count + 1))
    assert (buffer.lost, buffer.late, buffer.duplicates) == (0, 0, 0)
