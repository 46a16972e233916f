"""A caller's turn from the messages of Cartesia's recognizers, without a socket."""

from typing import Any

import msgspec
import pytest

from media.providers.ports import ProviderBusy, ProviderError, RecognizedText, TimedWord, TurnSignal
from media.providers.turn_dialect import VendorTranscript
from vendors.cartesia.wire import FinalizedTranscript, TurnsTranscript


def take(
    transcript: VendorTranscript, kind: str, text: str = "", position_ms: float = 1_500, **fields: Any
) -> RecognizedText | None:
    name = "text" if kind == "transcript" else "transcript"
    message = msgspec.json.encode({"type": kind, name: text, "request_id": "r", **fields})
    return transcript.read(message, position_ms)


def final(transcript: VendorTranscript, text: str, **fields: Any) -> RecognizedText | None:
    return take(transcript, "transcript", text, is_final=True, **fields)


def interim(transcript: VendorTranscript, text: str) -> RecognizedText | None:
    return take(transcript, "transcript", text, is_final=False)


# --- finals on request ---


def test_texts_are_joined_as_they_are() -> None:
    transcript = FinalizedTranscript("v")
    assert interim(transcript, "I wou") == RecognizedText("I wou", False)
    assert final(transcript, "I would") == RecognizedText("I would", False)
    assert interim(transcript, "n't mi") == RecognizedText("I wouldn't mi", False)
    assert final(transcript, "n't mind ") == RecognizedText("I wouldn't mind", False)
    assert transcript.finalize(7, 2_000) == "finalize"
    final(transcript, "that.")
    assert take(transcript, "flush_done") == RecognizedText("I wouldn't mind that.", True, 7)


def test_an_answer_that_was_overtaken_is_none() -> None:
    transcript = FinalizedTranscript("v")
    transcript.finalize(1, 2_000)
    transcript.finalize(2, 2_000)
    final(transcript, "One")
    assert take(transcript, "flush_done") is None
    final(transcript, " two.")
    assert take(transcript, "flush_done") == RecognizedText("One two.", True, 2)
    assert take(transcript, "flush_done") is None


def test_the_next_turn_begins_where_the_text_was_asked_for() -> None:
    transcript = FinalizedTranscript("v")
    transcript.finalize(1, 2_000)
    final(transcript, "Yes.")
    take(transcript, "flush_done")
    final(transcript, " And")
    transcript.next_turn()
    transcript.finalize(2, 2_000)
    final(transcript, " now?")
    assert take(transcript, "flush_done") == RecognizedText("And now?", True, 2)


def test_what_was_asked_for_in_an_earlier_turn_is_passed_over() -> None:
    transcript = FinalizedTranscript("v")
    final(transcript, "Old")
    transcript.finalize(1, 2_000)
    transcript.next_turn()
    assert final(transcript, " words") is None
    transcript.finalize(2, 2_000)
    assert take(transcript, "flush_done") is None
    final(transcript, " New.")
    assert take(transcript, "flush_done") == RecognizedText("New.", True, 2)


def test_finals_that_come_twice_or_before_their_interim_count_once() -> None:
    transcript = FinalizedTranscript("v")
    words = [{"words": ["No"], "start": [0.1], "end": [0.4]}]
    transcript.finalize(1, 2_000)
    final(transcript, "No", words=words)
    assert final(transcript, "No", words=words) is None
    interim(transcript, "No")
    assert take(transcript, "flush_done") == RecognizedText("No", True, 1, (TimedWord("No", 100, 400),))


@pytest.mark.parametrize("words", [None, [], [{"words": ["two"], "start": [], "end": []}], [{"word": "two"}], "two"])
def test_texts_of_which_one_has_no_times_have_none(words: Any) -> None:
    transcript = FinalizedTranscript("v")
    transcript.finalize(1, 2_000)
    final(transcript, "One", words=[{"words": ["One"], "start": [0.1], "end": [0.4]}])
    final(transcript, " two", words=words)
    assert take(transcript, "flush_done") == RecognizedText("One two", True, 1)


# --- the vendor's turns ---


def test_the_end_of_a_turn_answers() -> None:
    transcript = TurnsTranscript("v")
    assert take(transcript, "connected") is None
    transcript.started(1_000)
    assert take(transcript, "turn.start") == RecognizedText("", False)
    assert take(transcript, "turn.update", "I would") == RecognizedText("I would", False)
    assert not transcript.finalize(1, 2_000)
    assert transcript.settle(is_overdue=False) is None
    assert take(transcript, "turn.eager_end", "I would like") == RecognizedText("I would like", True, 1)
    assert take(transcript, "turn.end", "I would like") == RecognizedText("I would like", False)


def test_a_turn_that_was_over_before_answers_at_once() -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    take(transcript, "turn.end", "Yes.")
    transcript.finalize(1, 2_000)
    assert transcript.settle(is_overdue=False) == RecognizedText("Yes.", True, 1)


def test_the_last_known_text_answers_after_the_wait() -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    take(transcript, "turn.update", "Yes")
    transcript.finalize(1, 2_000)
    assert transcript.settle(is_overdue=False) is None
    assert transcript.settle(is_overdue=True) == RecognizedText("Yes", True, 1)


@pytest.mark.parametrize("spoken_ms", [3_000, 500])
def test_noise_to_which_the_vendor_begins_no_turn_has_an_empty_text(spoken_ms: float) -> None:
    """Whether the recognizer is deaf, the chain asks another one."""
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    transcript.finalize(1, 1_000 + spoken_ms)
    assert transcript.settle(is_overdue=False) is None
    assert transcript.settle(is_overdue=True) == RecognizedText("", True, 1)


def test_noise_after_the_vendors_turn_does_not_cost_its_text() -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    take(transcript, "turn.end", "Yes.", 1_500)
    transcript.started(2_000)  # a door
    transcript.finalize(1, 5_000)
    assert transcript.settle(is_overdue=False) is None
    assert transcript.settle(is_overdue=True) == RecognizedText("Yes.", True, 1)


@pytest.mark.parametrize(("known_ms", "answer"), [(1_500, None), (3_800, RecognizedText("I", True, 1))])
def test_a_recognizer_that_hangs_within_a_speech_gives_no_answer(
    known_ms: float, answer: RecognizedText | None
) -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    take(transcript, "turn.update", "I", known_ms)
    transcript.finalize(1, 4_000)
    transcript.finalize(1, 9_000)  # nothing was said since
    assert transcript.settle(is_overdue=True) == answer


def test_our_turn_may_end_within_the_vendors() -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    transcript.finalize(1, 2_000)
    take(transcript, "turn.eager_end", "Hello.")
    transcript.next_turn()
    transcript.started(1_000)
    take(transcript, "turn.resume")
    assert take(transcript, "turn.update", "Hello. Are you") == RecognizedText("Are you", False)
    transcript.finalize(2, 2_000)
    assert take(transcript, "turn.end", "Hello. Are you there?") == RecognizedText("Are you there?", True, 2)
    transcript.next_turn()
    transcript.started(1_000)
    take(transcript, "turn.start")
    assert take(transcript, "turn.update", "Fine") == RecognizedText("Fine", False)


@pytest.mark.parametrize(("whole", "left"), [("Hello.", ""), ("Hello. Are you", "Are you")])
def test_the_vendors_turn_may_end_between_our_answer_and_our_next_turn(whole: str, left: str) -> None:
    transcript = TurnsTranscript("v")
    transcript.started(1_000)
    take(transcript, "turn.start")
    transcript.finalize(1, 2_000)
    assert take(transcript, "turn.eager_end", "Hello.") == RecognizedText("Hello.", True, 1)
    assert take(transcript, "turn.end", whole) == RecognizedText(whole, False)
    transcript.next_turn()
    transcript.started(3_000)
    take(transcript, "turn.start")
    later = f"{left} Fine".strip()
    assert take(transcript, "turn.update", "Fine") == RecognizedText(later, False)
    transcript.finalize(2, 4_000)
    assert take(transcript, "turn.end", "Fine") == RecognizedText(later, True, 2)


def test_our_turn_may_hold_more_than_one_of_the_vendors() -> None:
    transcript = TurnsTranscript("v")
    for text in ("One.", "Two."):
        transcript.started(1_000)
        take(transcript, "turn.start")
        take(transcript, "turn.end", text)
    transcript.finalize(1, 2_000)
    assert transcript.settle(is_overdue=False) == RecognizedText("One. Two.", True, 1)


def test_ends_that_come_twice_or_before_their_update_count_once() -> None:
    transcript = TurnsTranscript("v")
    take(transcript, "turn.start")
    for kind in ("turn.end", "turn.end", "turn.update"):
        take(transcript, kind, "No")
    transcript.finalize(1, 2_000)
    assert transcript.settle(is_overdue=False) == RecognizedText("No", True, 1)


@pytest.mark.parametrize("make", [FinalizedTranscript, TurnsTranscript])
def test_errors_and_what_cannot_be_read(make: type[FinalizedTranscript] | type[TurnsTranscript]) -> None:
    transcript: VendorTranscript = make("v")
    with pytest.raises(ProviderBusy, match=r"^v: error 429 concurrency_limited$"):
        take(transcript, "error", status_code=429, error_code="concurrency_limited", title="t", message="m")
    with pytest.raises(ProviderError, match="unreadable"):
        transcript.read(b'{"type": "transcript", "text', 0)
    assert take(transcript, "brand_new") is None


# --- signals ---


def test_ends_that_may_be_taken_back_are_less_sure_than_others() -> None:
    transcript = TurnsTranscript("v")
    take(transcript, "turn.start")
    take(transcript, "turn.update", "Hello")
    assert transcript.take_signal() is None
    take(transcript, "turn.eager_end", "Hello")
    assert transcript.take_signal() == TurnSignal("Hello", 0.6)
    assert transcript.take_signal() is None
    take(transcript, "turn.resume")
    assert transcript.take_signal() == TurnSignal("Hello", None, resumed=True)
    take(transcript, "turn.end", "Hello there")
    assert transcript.take_signal() == TurnSignal("Hello there", 0.8)
    take(transcript, "turn.end", "Hello there")
    assert transcript.take_signal() is None, "the end came again"


def test_the_session_s_thresholds_are_the_figures() -> None:
    transcript = TurnsTranscript("v", eager_end=0.5, end=0.1)
    take(transcript, "turn.start")
    take(transcript, "turn.eager_end", "Hello")
    assert transcript.take_signal() == TurnSignal("Hello", 0.5)
    take(transcript, "turn.end", "Hello")
    assert transcript.take_signal() == TurnSignal("Hello", 0.9)


def test_a_turn_without_words_gives_no_signal() -> None:
    transcript = TurnsTranscript("v")
    take(transcript, "turn.start")
    for kind in ("turn.eager_end", "turn.resume", "turn.end"):
        take(transcript, kind, "")
        assert transcript.take_signal() is None


def test_finals_on_request_give_no_signal() -> None:
    transcript = FinalizedTranscript("v")
    final(transcript, "Hello.")
    assert transcript.take_signal() is None
