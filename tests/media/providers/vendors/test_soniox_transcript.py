"""Soniox's tokens as a caller's turn, without a socket."""

from typing import Any

import msgspec

from media.providers.ports import RecognizedText, TimedWord, TurnSignal
from vendors.soniox.wire import SonioxTranscript, make_finalize

FIN: dict[str, Any] = {"text": "<fin>", "is_final": True}
END: dict[str, Any] = {"text": "<end>", "is_final": True}


def token(text: str, start_ms: float, end_ms: float, *, final: bool = True) -> dict[str, Any]:
    return {"text": text, "start_ms": start_ms, "end_ms": end_ms, "is_final": final, "confidence": 0.9}


def interim(text: str, start_ms: float, end_ms: float) -> dict[str, Any]:
    return token(text, start_ms, end_ms, final=False)


def make_transcript() -> SonioxTranscript:
    return SonioxTranscript("v", make_finalize())


def take(
    transcript: SonioxTranscript, *tokens: dict[str, Any], heard_ms: float | None = 2_000
) -> RecognizedText | None:
    return transcript.read(msgspec.json.encode({"tokens": tokens, "total_audio_proc_ms": heard_ms}), 2_000)


def test_final_tokens_stay_and_others_are_replaced() -> None:
    transcript = make_transcript()
    assert take(transcript, interim("How", 0, 100), interim("'re", 100, 150)) == RecognizedText("How're", False)
    assert take(transcript, token("How", 0, 100), interim(" a", 110, 150)) == RecognizedText("How a", False)
    assert take(transcript, token(" are", 110, 200), token(" you", 210, 300)) == RecognizedText("How are you", False)
    assert transcript.finalize(7, 500) == '{"type":"finalize"}'
    assert take(transcript, token("?", 300, 320), FIN) == RecognizedText(
        "How are you?",
        True,
        7,
        (TimedWord("How", 0, 100), TimedWord("are", 110, 200), TimedWord("you?", 210, 320)),
    )


def test_words_are_put_together_from_parts_and_blanks() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 900)
    parts = (("Good", 0, 90), (" ", 90, 95), ("morn", 100, 150), ("ing", 150, 200), (" ", 200, 210), ("Ann", 220, 300))
    answer = take(transcript, *(token(*part) for part in parts), FIN)
    assert answer is not None
    assert [(word.text, word.start_ms, word.end_ms) for word in answer.words] == [
        ("Good", 0, 90),
        ("morning", 100, 200),
        ("Ann", 220, 300),
    ]


def test_reports_words_without_times() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 900)
    assert take(transcript, {"text": " hola", "is_final": True}, FIN) == RecognizedText("hola", True, 1)


def test_ignores_messages_about_progress_alone() -> None:
    assert take(make_transcript()) is None


def test_an_answer_that_was_overtaken_is_none() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    transcript.finalize(2, 700)
    assert take(transcript, token("One", 0, 100), FIN) == RecognizedText("One", False)
    answer = take(transcript, token(" two", 110, 200), FIN)
    assert answer is not None and (answer.text, answer.token) == ("One two", 2)


def take_fin(transcript: SonioxTranscript, final_ms: float, *tokens: dict[str, Any]) -> RecognizedText | None:
    progress = {"final_audio_proc_ms": final_ms, "total_audio_proc_ms": final_ms}
    return transcript.read(msgspec.json.encode({"tokens": [*tokens, FIN], **progress}), 5_000)


def test_one_mark_answers_all_requests_whose_audio_it_makes_final() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    transcript.finalize(2, 700)
    answer = take_fin(transcript, 720, token("One two", 0, 600))
    assert answer is not None and (answer.text, answer.token) == ("One two", 2)
    transcript.next_turn()
    transcript.finalize(3, 2_000)
    answer = take_fin(transcript, 2_010, token("Three", 1_500, 1_900))
    assert answer is not None and (answer.text, answer.token) == ("Three", 3), "no mark is missed of the one before"


def test_a_mark_that_comes_late_answers_no_later_request() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    transcript.finalize(2, 700)
    assert take_fin(transcript, 900, token("One", 0, 600)) is not None
    transcript.next_turn()
    transcript.finalize(3, 2_000)
    assert take_fin(transcript, 900) == RecognizedText("", False), "the own mark of the second request"
    answer = take_fin(transcript, 2_000, token("Three", 1_500, 1_900))
    assert answer is not None and (answer.text, answer.token) == ("Three", 3)


def test_a_mark_without_a_request_is_none() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    transcript.finalize(2, 700)
    assert take_fin(transcript, 900, token("One", 0, 600)) is not None
    assert take_fin(transcript, 900) == RecognizedText("One", False)
    assert take_fin(transcript, 900) == RecognizedText("One", False)


def test_the_next_turn_begins_behind_the_answer_and_forgets_what_was_not_waited_for() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    assert take(transcript, token("Yes", 0, 100), FIN, interim(" and", 600, 700)) is not None
    transcript.next_turn()
    assert take(transcript, token(" And", 600, 700)) == RecognizedText("And", False)
    transcript.finalize(2, 900)
    transcript.next_turn()  # taken without an answer
    assert take(transcript, token(" old", 700, 800)) is None
    assert take(transcript, FIN) == RecognizedText("", False)
    transcript.finalize(3, 2_000)
    answer = take(transcript, token("New", 1_500, 1_600), FIN)
    assert answer is not None and (answer.text, answer.token) == ("New", 3)


def test_tokens_that_come_twice_or_too_late_count_once() -> None:
    transcript = make_transcript()
    transcript.finalize(1, 500)
    assert take(transcript, token("No", 0, 100), FIN) is not None
    assert take(transcript, token("No", 0, 100), FIN) == RecognizedText("No", False)
    assert take(transcript, interim("No", 0, 100)) == RecognizedText("No", False)


def test_the_vendors_end_is_evidence_and_the_answer_without_a_request() -> None:
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("Yes", 120, 300), END)
    assert transcript.take_signal() == TurnSignal("Yes", 0.8)
    assert transcript.take_signal() is None
    assert transcript.settle(is_overdue=False) is None  # nobody asked
    assert transcript.finalize(1, 600) == ""
    assert transcript.settle(is_overdue=False) == RecognizedText("Yes", True, 1, (TimedWord("Yes", 120, 300),))


def test_an_end_of_earlier_speech_answers_nothing() -> None:
    """The caller goes on before it comes, or after it came."""
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("I want", 120, 300))
    transcript.started(900)
    take(transcript, END)
    assert transcript.finalize(1, 1_200) != ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 300), END)
    take(transcript, interim(" a", 900, 950))
    assert transcript.finalize(1, 1_200) != ""
    transcript = make_transcript()
    take(transcript, token("Yes", 120, 300), END)
    transcript.next_turn()
    assert transcript.finalize(1, 1_200) != ""
    assert take(transcript, END) is not None  # of nothing
    assert transcript.take_signal() == TurnSignal("Yes", 0.8)  # the first one


def test_an_end_that_the_vendor_told_before_it_heard_all_answers_nothing() -> None:
    """A minute was sent at once: what follows the pause is on its way to it."""
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("I want", 120, 500), END, heard_ms=1_300)
    assert transcript.finalize(1, 1_600) != ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 500), END, heard_ms=None)
    take(transcript, heard_ms=1_400)
    assert transcript.finalize(1, 1_600) == ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 500), END, heard_ms=None)
    assert transcript.finalize(1, 1_600) != ""


def test_without_an_answer_nothing_is_settled() -> None:
    transcript = make_transcript()
    take(transcript, token("One", 0, 100))
    transcript.finalize(1, 500)
    assert transcript.settle(is_overdue=True) is None
