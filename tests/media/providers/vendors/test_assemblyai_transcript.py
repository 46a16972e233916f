"""A caller's turn from the messages of AssemblyAI's streaming models, without a socket."""

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, RecognizedText, TurnSignal
from shared.providers.turn_calibration import CALIBRATIONS, TurnCalibration
from vendors.assemblyai.wire import FORCE_ENDPOINT, UniversalTranscript, make_closed, make_url

UNIVERSAL = CALIBRATIONS["universal-streaming"]
UNIVERSAL_3 = CALIBRATIONS["universal-3"]


def make(formats: bool = False) -> UniversalTranscript:
    return UniversalTranscript("v", UNIVERSAL, formats)


def turn(
    heard: UniversalTranscript,
    text: str,
    *,
    order: int = 0,
    ended: bool = False,
    formatted: bool = False,
    at: float = 0,
    **fields: Any,
) -> RecognizedText | None:
    """A message whose words take 100 ms each, from `at` on."""
    words = [{"text": one, "start": at + 100 * i, "end": at + 100 * (i + 1)} for i, one in enumerate(text.split())]
    message = {"type": "Turn", "turn_order": order, "turn_is_formatted": formatted, "end_of_turn": ended}
    return heard.read(msgspec.json.encode({**message, "transcript": text, "words": words, **fields}))


def text_of(event: RecognizedText | None) -> tuple[str, bool, int | None] | None:
    return None if event is None else (event.text, event.final, event.token)


def test_words_that_may_change_are_in_a_partial_text() -> None:
    assert text_of(turn(make(), "hi my", transcript="hi")) == ("hi my", False, None)


def test_the_forced_end_is_the_answer_and_comes_once() -> None:
    transcript = make()
    turn(transcript, "i would like")
    assert transcript.finalize(7, 600) == FORCE_ENDPOINT
    assert text_of(turn(transcript, "i would like to", ended=True)) == ("i would like to", True, 7)
    assert text_of(turn(transcript, "i would like to", ended=True)) == ("i would like to", False, None)
    assert transcript.settle(is_overdue=True) is None


def test_an_end_that_came_before_is_the_answer_at_once() -> None:
    transcript = make()
    turn(transcript, "yes please", ended=True)
    assert transcript.finalize(1, 400) == ""
    assert text_of(transcript.settle(is_overdue=False)) == ("yes please", True, 1)


def test_speech_after_an_end_has_to_be_ended_too() -> None:
    transcript = make()
    turn(transcript, "yes", ended=True)
    transcript.started(500)
    assert transcript.finalize(1, 1_200) == FORCE_ENDPOINT
    assert transcript.settle(is_overdue=False) is None
    assert text_of(turn(transcript, "but later", order=1, ended=True, at=600)) == ("yes but later", True, 1)


def test_end_of_earlier_speech_does_not_answer_a_request() -> None:
    """It was asked for, and overtaken by the caller."""
    transcript = make()
    turn(transcript, "one")
    transcript.finalize(1, 300)
    transcript.started(600)
    transcript.finalize(2, 1_100)
    assert text_of(turn(transcript, "one", ended=True)) == ("one", False, None)
    assert text_of(turn(transcript, "two", order=1, ended=True, at=600)) == ("one two", True, 2)


def test_an_end_in_audio_that_was_sent_at_once_is_no_answer() -> None:
    """A recognizer that takes over: only one `started`, and a pause in which the vendor ends its turn."""
    transcript = make()
    transcript.started(0)
    assert transcript.finalize(1, 6_000) == FORCE_ENDPOINT
    assert text_of(turn(transcript, "the first", ended=True, at=100)) == ("the first", False, None)
    assert text_of(turn(transcript, "the second", order=1, at=5_500)) == ("the first the second", False, None)
    done = turn(transcript, "the second", order=1, ended=True, at=5_500)
    assert text_of(done) == ("the first the second", True, 1)


def test_a_turn_that_runs_is_not_guessed_and_noise_has_an_empty_text() -> None:
    running, noise = make(), make()
    turn(running, "and then")
    for transcript in (running, noise):
        transcript.finalize(1, 800)
    assert running.settle(is_overdue=True) is None
    assert noise.settle(is_overdue=False) is None
    assert text_of(noise.settle(is_overdue=True)) == ("", True, 1)


def test_turn_without_words_ends_without_text() -> None:
    transcript = make()
    turn(transcript, "uh")
    transcript.finalize(1, 500)
    assert text_of(turn(transcript, "", ended=True)) == ("", True, 1)
    transcript.next_turn()
    transcript.finalize(2, 900)
    assert text_of(transcript.settle(is_overdue=True)) == ("", True, 2)


def test_a_formatted_end_is_waited_for_and_acted_on_once() -> None:
    transcript = make(formats=True)
    transcript.finalize(1, 500)
    assert text_of(turn(transcript, "at nine", ended=True)) == ("at nine", False, None)
    assert text_of(turn(transcript, "At 9.", ended=True, formatted=True)) == ("At 9.", True, 1)
    assert turn(transcript, "at nine", ended=True) is None
    late = make(formats=True)
    late.finalize(2, 500)
    turn(late, "at nine", ended=True)
    assert text_of(late.settle(is_overdue=True)) == ("at nine", True, 2)
    late.next_turn()
    assert turn(late, "At 9.", ended=True, formatted=True) is None


def test_a_partial_that_its_end_overtook_says_nothing() -> None:
    transcript = make()
    turn(transcript, "good bye", ended=True)
    assert turn(transcript, "good") is None


def test_words_are_cut_where_the_text_was_asked_for() -> None:
    transcript = make()
    transcript.finalize(1, 250)
    done = turn(transcript, "yes no maybe", ended=True, at=100)
    assert done is not None
    assert (done.text, [word.text for word in done.words]) == ("yes", ["yes"])
    transcript.next_turn()
    assert text_of(turn(transcript, "so", order=1, at=450)) == ("no maybe so", False, None)


def test_times_of_partial_texts_that_the_end_corrects_lose_no_word() -> None:
    """As Universal-3 sends them: partial texts are formatted, revise their words, and begin up to a second early."""
    transcript = UniversalTranscript("v", UNIVERSAL_3)
    transcript.started(1_100)
    turn(transcript, "We", order=0, at=0, formatted=True, end_of_turn_confidence=0.0)
    turn(transcript, "We open late.", order=0, at=0, formatted=True, end_of_turn_confidence=0.0)
    assert transcript.take_signal() is None
    assert transcript.finalize(1, 2_000) == FORCE_ENDPOINT
    done = turn(transcript, "We open late on Fridays and", at=1_000, ended=True, formatted=True)
    assert text_of(done) == ("We open late on Fridays and", True, 1)


def test_mark_of_an_incomplete_text_is_not_a_word() -> None:
    assert text_of(turn(make(), "My name is—")) == ("My name is", False, None)


@pytest.mark.parametrize(
    ("calibration", "confidence", "finished"),
    [(UNIVERSAL, 0.4, 0.7), (UNIVERSAL, 0.7, 0.85), (UNIVERSAL_3, 0.5, 0.4), (UNIVERSAL_3, 1.0, 0.8)],
)
def test_the_confidence_of_an_end_is_a_signal(calibration: Any, confidence: float, finished: float) -> None:
    transcript = UniversalTranscript("v", calibration)
    turn(transcript, "that is all", end_of_turn_confidence=confidence)
    signal = transcript.take_signal()
    assert signal is not None and signal.text == "that is all"
    assert signal.finished == pytest.approx(finished)
    assert transcript.take_signal() is None


@pytest.mark.parametrize("confidence", [0.0, 0.39, None, "high", 7, float("nan"), True])
def test_low_or_unreadable_confidence_is_ignored(confidence: Any) -> None:
    transcript = make()
    assert turn(transcript, "and", end_of_turn_confidence=confidence) is not None
    assert transcript.take_signal() is None


def test_a_confidence_that_falls_takes_the_signal_back() -> None:
    transcript = make()
    turn(transcript, "and", end_of_turn_confidence=0.6)
    transcript.take_signal()
    turn(transcript, "and", end_of_turn_confidence=0.1)
    assert transcript.take_signal() == TurnSignal("and", None)


def test_a_turn_whose_end_never_came_is_over_when_the_next_one_begins() -> None:
    """It neither runs for ever nor is kept for the rest of the call."""
    transcript = make()
    turn(transcript, "uh")
    transcript.finalize(1, 400)
    transcript.next_turn()
    turn(transcript, "yes", order=1, at=1_000, ended=True)
    transcript.finalize(2, 1_500)
    assert transcript.settle(is_overdue=False) is not None
    transcript.next_turn()
    transcript.started(9_000)
    transcript.finalize(3, 9_400)  # noise
    assert transcript.settle(is_overdue=True) == RecognizedText("", True, 3)
    assert transcript._turns == {}


def test_the_confidence_of_a_forced_end_is_not_read() -> None:
    transcript = make()
    transcript.finalize(1, 400)
    turn(transcript, "and", ended=True, end_of_turn_confidence=1.0)
    assert transcript.take_signal() is None
    turn(transcript, "so", order=1, at=500, ended=True, end_of_turn_confidence=0.7)
    assert transcript.take_signal() is not None


@pytest.mark.parametrize(
    ("calibration", "text", "ended", "forced", "finished"),
    [
        (UNIVERSAL_3, "That is all.", True, False, 0.8),
        (UNIVERSAL_3, "Is that \N{LEFT DOUBLE QUOTATION MARK}all?\N{RIGHT DOUBLE QUOTATION MARK}", True, False, 0.8),
        (UNIVERSAL_3, "I would like to", True, False, 0.2),
        (UNIVERSAL_3, "I would like to\N{EM DASH}", True, False, 0.2),
        (UNIVERSAL_3, "I would like to\N{EM DASH}", False, False, None),
        (UNIVERSAL_3, "That is all.", True, True, None),
        (UNIVERSAL_3, "I would like to", True, True, 0.2),
        (UNIVERSAL_3, "That is all.", False, False, None),
        (UNIVERSAL, "That is all.", True, False, 1.0),
        (UNIVERSAL, "I would like to", True, False, 1.0),
    ],
)
def test_the_final_mark_counts_where_the_vendor_ends_turns_by_it(
    calibration: TurnCalibration, text: str, ended: bool, forced: bool, finished: float | None
) -> None:
    """Not the confidence, which is 1 at every end of Universal-3, nor a mark that we made it write."""
    transcript = UniversalTranscript("v", calibration)
    if forced:
        transcript.finalize(1, 400)
    turn(transcript, text, ended=ended, end_of_turn_confidence=1.0 if ended else 0.0)
    signal = transcript.take_signal()
    assert (signal.finished if signal else None) == finished


@pytest.mark.parametrize(
    ("code", "text", "kind", "cause"),
    [
        (1008, "Unauthorized Connection: Missing Authorization header", KeyRefused, "unauthorized"),
        (1008, "Invalid API key; generate a new one", KeyRefused, "unauthorized"),
        (1008, "Session rate exceeded", ProviderBusy, "rate_limited"),
        (1008, "Unauthorized Connection: Insufficient account balance", ProviderBusy, "quota"),
        (1008, "Unauthorized Connection: Too many concurrent sessions", ProviderBusy, "rate_limited"),
        (3009, "", ProviderBusy, "rate_limited"),
        (3005, "", ProviderError, "error"),
        (3006, "Invalid JSON", ProviderError, "refused"),
        (3007, "", ProviderError, "refused"),
        (3008, "", ProviderError, "error"),
        (4001, "", KeyRefused, "unauthorized"),
    ],
)
def test_errors_have_the_vendors_code_and_not_its_words(code: int, text: str, kind: type, cause: str) -> None:
    with pytest.raises(ProviderError) as raised:
        make().read(msgspec.json.encode({"type": "Error", "error_code": code, "error": text or "of sk-secret"}))
    assert (type(raised.value), raised.value.cause, raised.value.reason) == (kind, cause, f"error {code}")
    closed = make_closed("v", code, text)
    assert (type(closed), closed.reason) == (kind, f"closed with {code}")


@pytest.mark.parametrize("message", [b"", b"[]", b'{"type":"Turn","words":7}', b"\xff", b'{"type":"Tu'])
def test_a_message_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        make().read(message)


@pytest.mark.parametrize("kind", ["Begin", "SpeechStarted", "Heartbeat", "Silence", "Warning", "Termination", "New"])
def test_other_messages_say_nothing_of_the_text(kind: str) -> None:
    assert make().read(msgspec.json.encode({"type": kind, "timestamp": 7})) is None


def test_lists_of_the_address_are_json_and_nothing_else_is_told() -> None:
    url = make_url("https://host:1/", {"keyterms_prompt": ["Müller & Co"], "format_turns": False, "mode": None})
    assert url == ("wss://host:1/v3/ws?keyterms_prompt=%5B%22M%C3%BCller%20%26%20Co%22%5D&format_turns=false")


@settings(max_examples=40, deadline=None)
@given(
    lengths=st.lists(st.integers(1, 4), min_size=1, max_size=5),
    repeats=st.lists(st.sampled_from(["", "repeat", "late", "format"]), min_size=5, max_size=5),
)
def test_no_word_is_lost_or_doubled_however_turns_end(lengths: list[int], repeats: list[str]) -> None:
    transcript, said, heard, at = make(), [], [], 0.0
    for order, (length, more) in enumerate(zip(lengths, repeats, strict=False)):
        words = [f"w{order}x{index}" for index in range(length)]
        text = " ".join(words)
        transcript.started(at + 50)
        turn(transcript, words[0], order=order, at=at)
        end = at + 100 * length + 250
        transcript.finalize(order, end)
        done = turn(transcript, text, order=order, ended=True, at=at)
        assert done is not None and (done.final, done.token) == (True, order)
        said.append(text)
        heard.append(done.text)
        if more == "repeat":
            turn(transcript, text, order=order, ended=True, at=at)
        transcript.next_turn()
        if more == "late":
            assert turn(transcript, words[0], order=order, at=at) is None
        if more == "format":
            assert turn(transcript, text.title(), order=order, ended=True, formatted=True, at=at) is None
        at = end
    assert heard == said
