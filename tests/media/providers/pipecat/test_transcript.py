"""A turn put together from pipecat's transcripts."""

import pytest

from media.providers.pipecat.transcript import UNHEARD_MS, SegmentedTurn
from media.providers.pipecat.wire import RecognizedTurn


@pytest.fixture
def turn() -> SegmentedTurn:
    return SegmentedTurn()


def test_segments_become_one_turn(turn: SegmentedTurn) -> None:
    turn.started()
    assert turn.add_interim(" tues") == RecognizedTurn("tues", False)
    turn.request(1)
    assert turn.add_final(" tuesday", is_last=True) == RecognizedTurn("tuesday", True, 1)
    turn.started()
    assert turn.add_interim("morn") == RecognizedTurn("tuesday morn", False)
    assert turn.add_final("morning", is_last=False) == RecognizedTurn("tuesday morning", False)
    turn.request(2)
    assert turn.expire() == RecognizedTurn("tuesday morning", True, 2)
    assert turn.expire() is None
    turn.next_turn()
    turn.started()
    assert turn.add_interim("yes") == RecognizedTurn("yes", False)


def test_a_final_that_may_not_be_the_last_one_answers_after_a_pause(turn: SegmentedTurn) -> None:
    turn.started()
    turn.request(1)
    assert turn.add_final("tuesday", is_last=False) == RecognizedTurn("tuesday", False)
    assert turn.is_pending
    assert turn.add_final("morning", is_last=False) == RecognizedTurn("tuesday morning", False)
    assert turn.expire() == RecognizedTurn("tuesday morning", True, 1)


def test_without_a_final_the_interim_text_answers_and_its_late_final_is_dropped(turn: SegmentedTurn) -> None:
    turn.started()
    turn.add_interim("tuesday")
    turn.request(1)
    assert turn.expire() == RecognizedTurn("tuesday", True, 1)
    turn.next_turn()
    assert turn.add_final("tuesday", is_last=True) is None
    turn.started()
    assert turn.add_interim("yes") == RecognizedTurn("yes", False)


def test_a_recognizer_that_hangs_gives_no_answer_and_a_cough_an_empty_one(turn: SegmentedTurn) -> None:
    turn.started()
    turn.add_audio(UNHEARD_MS - 20)
    turn.request(1)
    turn.add_audio(1_000)  # silence
    assert turn.expire() == RecognizedTurn("", True, 1)
    turn.started()
    turn.add_audio(20)
    turn.request(2)
    assert turn.expire() is None and turn.is_pending
    assert turn.add_final("tuesday", is_last=True) == RecognizedTurn("tuesday", True, 2)  # only slow


def test_a_later_request_replaces_the_one_before(turn: SegmentedTurn) -> None:
    turn.started()
    turn.request(1)
    turn.request(2)
    assert turn.add_final("yes", is_last=True) == RecognizedTurn("yes", True, 2)
