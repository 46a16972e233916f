"""Texts of ElevenLabs' Scribe as one turn, in both orders and with what is missing; without a connection."""

import base64
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, RecognizedText
from vendors.elevenlabs.wire import MAX_UNCOMMITTED_MS, ScribeTranscript, make_chunk

PLAIN, TIMED, PARTIAL = "committed_transcript", "committed_transcript_with_timestamps", "partial_transcript"


def tell(transcript: ScribeTranscript, kind: str, text: str = "", **more: Any) -> RecognizedText | None:
    return transcript.read(msgspec.json.encode({"message_type": kind, "text": text, **more}))


def timed(text: str, start_s: float) -> list[dict[str, Any]]:
    """Words of 0.1 s, with the blanks between them as the vendor tells them."""
    found: list[dict[str, Any]] = []
    for number, word in enumerate(text.split()):
        at = start_s + 0.2 * number
        found.append({"text": word, "start": at, "end": at + 0.1, "type": "word", "logprob": -0.1})
        found.append({"text": " ", "start": at + 0.1, "end": at + 0.2, "type": "spacing"})
    return found[:-1]


class Talk:
    """A transcript with a caller's position."""

    def __init__(self, *, times_words: bool = True) -> None:
        self.transcript = ScribeTranscript("v", times_words=times_words)
        self.position_ms = 0.0

    def ask(self, token: int, spoken_ms: float = 1_000.0) -> bool:
        self.position_ms += spoken_ms
        needed = self.transcript.finalize(token, self.position_ms)
        if needed:
            self.transcript.commit(self.position_ms)
        return needed

    def tell(self, kind: str, text: str = "", **more: Any) -> RecognizedText | None:
        return tell(self.transcript, kind, text, **more)

    def answer(self, text: str, start_s: float = 0.0) -> RecognizedText | None:
        """The text twice, as the vendor sends it; what the later one brings."""
        assert self.tell(PLAIN, text) is None
        return self.tell(TIMED, text, words=timed(text, start_s))


def test_a_chunk_is_the_message_of_the_sdk() -> None:
    sent = msgspec.json.decode(make_chunk(b"\xff\x00\x7f", commit=True))
    audio = base64.b64encode(b"\xff\x00\x7f").decode()
    assert sent == {"message_type": "input_audio_chunk", "audio_base_64": audio, "commit": True, "sample_rate": 8000}
    assert msgspec.json.decode(make_chunk(b""))["commit"] is False


def test_the_answer_is_the_text_with_times() -> None:
    talk = Talk()
    assert talk.tell(PARTIAL, "good") == RecognizedText("good", final=False)
    assert talk.ask(1)
    answer = talk.answer("Good morning.", 0.5)
    assert answer is not None and (answer.text, answer.final, answer.token) == ("Good morning.", True, 1)
    assert [(word.text, word.start_ms) for word in answer.words] == [("Good", 500.0), ("morning.", 700.0)]


def test_a_turn_of_several_commits_is_one_text() -> None:
    talk = Talk()
    talk.ask(1)
    talk.answer("Good morning,")
    assert talk.tell(PARTIAL, "how") == RecognizedText("Good morning, how", final=False)
    talk.ask(2)
    answer = talk.answer("how are you?", 2.0)
    assert answer is not None and (answer.text, answer.token) == ("Good morning, how are you?", 2)
    assert len(answer.words) == 5
    talk.transcript.next_turn()
    talk.ask(3)
    last = talk.answer("Bye.", 4.0)
    assert last is not None and last.text == "Bye."


def test_the_timed_text_may_come_first() -> None:
    talk = Talk()
    talk.ask(1)
    answer = talk.tell(TIMED, "Yes.", words=timed("Yes.", 0))
    assert answer is not None and answer.token == 1
    assert talk.tell(PLAIN, "Yes.") is None
    talk.transcript.next_turn()
    talk.ask(2)
    again = talk.answer("Yes.", 3.0)
    assert again is not None and (again.text, again.token) == ("Yes.", 2)


def test_a_text_whose_times_do_not_come_is_the_answer_after_a_while() -> None:
    talk = Talk()
    talk.ask(1)
    assert talk.tell(PLAIN, "Yes.") is None
    assert talk.transcript.is_plain
    answer = talk.transcript.settle()
    assert answer == RecognizedText("Yes.", final=True, token=1)
    assert talk.tell(TIMED, "Yes.", words=timed("Yes.", 0)) is None  # late


def test_times_that_never_come_are_awaited_twice_at_most() -> None:
    talk = Talk()
    for token in (1, 2):
        talk.ask(token)
        assert talk.tell(PLAIN, f"Text {token}.") is None
        assert talk.transcript.settle() is not None
        talk.transcript.next_turn()
    talk.ask(3)
    answer = talk.tell(PLAIN, "Text 3.")
    assert answer is not None and (answer.text, answer.token) == ("Text 3.", 3)


def test_without_times_the_plain_text_is_the_answer() -> None:
    talk = Talk(times_words=False)
    talk.ask(1)
    answer = talk.tell(PLAIN, "Yes.")
    assert answer == RecognizedText("Yes.", final=True, token=1)


def test_too_little_audio_is_not_committed_and_answered_by_what_is_known() -> None:
    talk = Talk()
    talk.ask(1)
    talk.answer("Good morning.")
    assert not talk.ask(2, spoken_ms=100.0)
    assert talk.transcript.settle() == RecognizedText(
        "Good morning.", final=True, token=2, words=(talk.transcript._segments[0].words)
    )


def test_a_request_soon_after_another_is_answered_with_it() -> None:
    talk = Talk()
    talk.ask(1)
    assert not talk.ask(2, spoken_ms=100.0)
    assert talk.transcript.settle() is None
    answer = talk.answer("Good morning.")
    assert answer is not None and answer.token == 2


def test_a_refused_commit_is_an_answer() -> None:
    talk = Talk()
    talk.ask(1)
    answer = talk.tell("commit_throttled", error="Commit request ignored: only 0.10s of uncommitted audio.")
    assert answer == RecognizedText("", final=True, token=1)


def test_an_answer_of_an_earlier_turn_is_dropped() -> None:
    """The turn was taken by another recognizer's text."""
    talk = Talk()
    talk.ask(1)
    talk.transcript.next_turn()
    talk.ask(2)
    assert talk.tell(PARTIAL, "old") is None
    assert talk.answer("Old words.") is None
    answer = talk.answer("New words.", 1.0)
    assert answer is not None and (answer.text, answer.token) == ("New words.", 2)


def test_a_request_that_only_an_earlier_turns_commit_answers_gets_its_answer() -> None:
    talk = Talk()
    talk.ask(1)
    talk.transcript.next_turn()
    assert not talk.ask(2, spoken_ms=50.0)
    assert talk.answer("Old words.") == RecognizedText("", final=True, token=2)


def test_what_the_vendor_commits_unasked_belongs_to_the_turn() -> None:
    talk = Talk()
    assert talk.answer("A long story,") == RecognizedText("A long story,", final=False)
    talk.ask(1)
    answer = talk.answer("and its end.", 40.0)
    assert answer is not None and answer.text == "A long story, and its end."


def test_repeated_texts_double_nothing() -> None:
    talk = Talk()
    talk.ask(1)
    talk.answer("Good morning.", 0.5)
    assert talk.answer("Good morning.", 0.5) is None
    assert not talk.transcript.is_plain
    talk.ask(2)
    answer = talk.answer("Bye.", 2.0)
    assert answer is not None and answer.text == "Good morning. Bye."


def test_long_silence_is_committed_by_us_and_speech_is_not() -> None:
    talk = Talk()
    assert not talk.transcript.needs_commit(MAX_UNCOMMITTED_MS - 1)
    assert talk.transcript.needs_commit(MAX_UNCOMMITTED_MS)
    talk.transcript.commit(MAX_UNCOMMITTED_MS)
    assert not talk.transcript.needs_commit(2 * MAX_UNCOMMITTED_MS)  # while it is not answered
    talk.answer("")
    assert talk.transcript.needs_commit(2 * MAX_UNCOMMITTED_MS)
    talk.tell(PARTIAL, "wait")
    assert not talk.transcript.needs_commit(2 * MAX_UNCOMMITTED_MS)


@pytest.mark.parametrize(
    ("kind", "error", "cause"),
    [
        ("auth_error", KeyRefused, "unauthorized"),
        ("unaccepted_terms", KeyRefused, "unauthorized"),
        ("quota_exceeded", ProviderBusy, "quota"),
        ("rate_limited", ProviderBusy, "rate_limited"),
        ("queue_overflow", ProviderBusy, "rate_limited"),
        ("resource_exhausted", ProviderBusy, "rate_limited"),
        ("input_error", ProviderError, "refused"),
        ("chunk_size_exceeded", ProviderError, "refused"),
        ("session_time_limit_exceeded", ProviderError, "cut"),
        ("insufficient_audio_activity", ProviderError, "cut"),
        ("transcriber_error", ProviderError, "error"),
        ("error", ProviderError, "error"),
    ],
)
def test_the_errors_of_the_reference(kind: str, error: type[ProviderError], cause: str) -> None:
    with pytest.raises(error) as caught:
        Talk().tell(kind, error="The caller said: my secret")
    assert caught.value.cause == cause
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("message", [b"{", b'"x"', b'{"text": "no type"}', b'{"message_type": "x", "text": 1}'])
def test_what_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="unreadable"):
        ScribeTranscript("v", times_words=True).read(message)


def test_other_messages_are_ignored() -> None:
    talk = Talk()
    assert talk.tell("warning", warning="deprecated") is None
    assert talk.tell("committed_transcript_entities", entities=[]) is None
    assert not talk.transcript.has_started
    talk.tell("session_started", session_id="x", config={})
    assert talk.transcript.has_started


ORDERS = ("both", "swapped", "plain", "double")


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(ORDERS), st.booleans()), min_size=1, max_size=6))
def test_no_word_is_lost_or_doubled_in_any_order(commits: list[tuple[str, bool]]) -> None:
    """Each commit is answered in one of the vendor's ways, and may be the last of its turn."""
    talk, turn, at_s = Talk(), [], 0.0
    for number, (order, ends_turn) in enumerate(commits):
        text = f"word{number} end{number}"
        turn.append(text)
        talk.ask(number)
        at_s += 1.0
        plain: tuple[str, dict[str, Any]] = (PLAIN, {})
        full: tuple[str, dict[str, Any]] = (TIMED, {"words": timed(text, at_s)})
        sent = {"both": [plain, full], "swapped": [full, plain], "plain": [plain], "double": [plain, full] * 2}[order]
        answers = [talk.tell(kind, text, **more) for kind, more in sent]
        if talk.transcript.is_plain:
            answers.append(talk.transcript.settle())
        finals = [one for one in answers if one is not None and one.token == number]
        assert [final.text for final in finals] == [" ".join(turn)]
        if ends_turn:
            talk.transcript.next_turn()
            turn = []
