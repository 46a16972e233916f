"""Soniox's recogniser: its tokens without a socket, and through the chain of a call against two simulated vendors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.ports import (
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    RecognisedText,
    SpeechToTextEvent,
    TimedWord,
    TurnSignal,
)
from media.providers.vendors import soniox
from media.providers.vendors.soniox_transcript import SonioxTranscript
from media.providers.vendors.soniox_wire import make_error, make_finalize, make_url
from shared.vendor_languages import find_soniox_language
from shared.vendor_options import SonioxSpeechToTextOptions
from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.soniox import MAX_CONTEXT_CHARACTERS, SimulatedSoniox
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from tests.media.providers.vendors.test_cartesia_recogniser import Caller
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from tests.simulator.vendors.soniox_callers import make_soniox

TEXT = "i would like to book a table for seven"
NEXT = "good bye"
FIN: dict[str, Any] = {"text": "<fin>", "is_final": True}
END: dict[str, Any] = {"text": "<end>", "is_final": True}


# --- tokens ---


def token(text: str, start_ms: float, end_ms: float, *, final: bool = True) -> dict[str, Any]:
    return {"text": text, "start_ms": start_ms, "end_ms": end_ms, "is_final": final, "confidence": 0.9}


def interim(text: str, start_ms: float, end_ms: float) -> dict[str, Any]:
    return token(text, start_ms, end_ms, final=False)


def make_transcript() -> SonioxTranscript:
    return SonioxTranscript("v", make_finalize())


def take(
    transcript: SonioxTranscript, *tokens: dict[str, Any], heard_ms: float | None = 2_000
) -> RecognisedText | None:
    return transcript.read(msgspec.json.encode({"tokens": tokens, "total_audio_proc_ms": heard_ms}), 2_000)


def test_final_tokens_stay_and_others_are_replaced() -> None:
    transcript = make_transcript()
    assert take(transcript, interim("How", 0, 100), interim("'re", 100, 150)) == RecognisedText("How're", False)
    assert take(transcript, token("How", 0, 100), interim(" a", 110, 150)) == RecognisedText("How a", False)
    assert take(transcript, token(" are", 110, 200), token(" you", 210, 300)) == RecognisedText("How are you", False)
    assert transcript.finalise(7, 500) == '{"type":"finalize"}'
    assert take(transcript, token("?", 300, 320), FIN) == RecognisedText(
        "How are you?",
        True,
        7,
        (TimedWord("How", 0, 100), TimedWord("are", 110, 200), TimedWord("you?", 210, 320)),
    )


def test_words_are_put_together_from_parts_and_blanks() -> None:
    transcript = make_transcript()
    transcript.finalise(1, 900)
    parts = (("Good", 0, 90), (" ", 90, 95), ("morn", 100, 150), ("ing", 150, 200), (" ", 200, 210), ("Ann", 220, 300))
    answer = take(transcript, *(token(*part) for part in parts), FIN)
    assert answer is not None
    assert [(word.text, word.start_ms, word.end_ms) for word in answer.words] == [
        ("Good", 0, 90),
        ("morning", 100, 200),
        ("Ann", 220, 300),
    ]


def test_words_without_times_are_told_without() -> None:
    transcript = make_transcript()
    transcript.finalise(1, 900)
    assert take(transcript, {"text": " hola", "is_final": True}, FIN) == RecognisedText("hola", True, 1)


def test_a_message_about_progress_alone_is_no_news() -> None:
    assert take(make_transcript()) is None


def test_an_answer_that_was_overtaken_is_none() -> None:
    transcript = make_transcript()
    transcript.finalise(1, 500)
    transcript.finalise(2, 700)
    assert take(transcript, token("One", 0, 100), FIN) == RecognisedText("One", False)
    answer = take(transcript, token(" two", 110, 200), FIN)
    assert answer is not None and (answer.text, answer.token) == ("One two", 2)


def test_the_next_turn_begins_behind_the_answer_and_forgets_what_was_not_waited_for() -> None:
    transcript = make_transcript()
    transcript.finalise(1, 500)
    assert take(transcript, token("Yes", 0, 100), FIN, interim(" and", 600, 700)) is not None
    transcript.next_turn()
    assert take(transcript, token(" And", 600, 700)) == RecognisedText("And", False)
    transcript.finalise(2, 900)
    transcript.next_turn()  # taken without an answer
    assert take(transcript, token(" old", 700, 800)) is None
    assert take(transcript, FIN) == RecognisedText("", False)
    transcript.finalise(3, 2_000)
    answer = take(transcript, token("New", 1_500, 1_600), FIN)
    assert answer is not None and (answer.text, answer.token) == ("New", 3)


def test_tokens_that_come_twice_or_too_late_count_once() -> None:
    transcript = make_transcript()
    transcript.finalise(1, 500)
    assert take(transcript, token("No", 0, 100), FIN) is not None
    assert take(transcript, token("No", 0, 100), FIN) == RecognisedText("No", False)
    assert take(transcript, interim("No", 0, 100)) == RecognisedText("No", False)


def test_the_vendors_end_is_evidence_and_the_answer_without_a_request() -> None:
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("Yes", 120, 300), END)
    assert transcript.take_signal() == TurnSignal("Yes", 0.8)
    assert transcript.take_signal() is None
    assert transcript.settle(is_overdue=False) is None  # nobody asked
    assert transcript.finalise(1, 600) == ""
    assert transcript.settle(is_overdue=False) == RecognisedText("Yes", True, 1, (TimedWord("Yes", 120, 300),))


def test_an_end_of_earlier_speech_answers_nothing() -> None:
    """The caller goes on before it comes, or after it came."""
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("I want", 120, 300))
    transcript.started(900)
    take(transcript, END)
    assert transcript.finalise(1, 1_200) != ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 300), END)
    take(transcript, interim(" a", 900, 950))
    assert transcript.finalise(1, 1_200) != ""
    transcript = make_transcript()
    take(transcript, token("Yes", 120, 300), END)
    transcript.next_turn()
    assert transcript.finalise(1, 1_200) != ""
    assert take(transcript, END) is not None  # of nothing
    assert transcript.take_signal() == TurnSignal("Yes", 0.8)  # the first one


def test_an_end_that_the_vendor_told_before_it_heard_all_answers_nothing() -> None:
    """A minute was sent at once: what follows the pause is on its way to it."""
    transcript = make_transcript()
    transcript.started(100)
    take(transcript, token("I want", 120, 500), END, heard_ms=1_300)
    assert transcript.finalise(1, 1_600) != ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 500), END, heard_ms=None)
    take(transcript, heard_ms=1_400)
    assert transcript.finalise(1, 1_600) == ""
    transcript = make_transcript()
    take(transcript, token("I want", 120, 500), END, heard_ms=None)
    assert transcript.finalise(1, 1_600) != ""


def test_without_an_answer_nothing_is_settled() -> None:
    transcript = make_transcript()
    take(transcript, token("One", 0, 100))
    transcript.finalise(1, 500)
    assert transcript.settle(is_overdue=True) is None


@pytest.mark.parametrize(
    ("code", "kind", "error", "cause", "retryable"),
    [
        (401, "unauthenticated", KeyRefused, "unauthorized", False),
        (403, "permission_denied", KeyRefused, "unauthorized", False),
        (402, "organization_balance_exhausted", ProviderBusy, "quota", False),
        (429, "limit_exceeded", ProviderBusy, "rate_limited", True),
        (400, "invalid_request", ProviderError, "refused", False),
        (408, "request_timeout", ProviderSlow, "late", True),
        (413, "max_duration_reached", ProviderError, "cut", True),
        (503, "service_unavailable", ProviderError, "error", True),
    ],
)
def test_errors_are_read_by_their_codes_and_sentences_are_not_told(
    code: int, kind: str, error: type, cause: str, retryable: bool
) -> None:
    message = {"tokens": [], "error_code": code, "error_type": kind, "error_message": "Incorrect API key: sk-12345"}
    with pytest.raises(ProviderError) as raised:
        make_transcript().read(msgspec.json.encode(message), 0)
    found = raised.value
    assert (type(found), found.cause, found.retryable) == (error, cause, retryable)
    assert found.reason == f"error {code} {kind}"


def test_a_kind_that_is_no_code_is_not_told() -> None:
    assert make_error("v", 503, "sk-1a2b3c4d5e").reason == "error 503"
    assert make_error("v", 503).reason == "error 503"


@pytest.mark.parametrize("message", [b"", b"[]", b'{"tokens":7}', b'{"tokens":[{"text":1}]}', b"\xff"])
def test_a_message_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        make_transcript().read(message, 0)


def test_languages_are_the_vendors() -> None:
    found = [find_soniox_language(one) for one in ("en-US", "nb-NO", "fil", "DE", "tlh")]
    assert found == ["en", "no", "tl", "de", None]


def test_settings_say_only_what_was_chosen() -> None:
    plain = soniox.make_settings("v", SonioxSpeechToTextOptions(language="auto"), "en-US")
    always = {"model", "enable_endpoint_detection", "enable_language_identification"}
    assert {name for name, value in plain.items() if value is not None} == always
    chosen = SonioxSpeechToTextOptions(only_language=True, keyterm=("Okonkwo",), context="A dentist.")
    found = soniox.make_settings("v", chosen, "de-DE")
    assert (found["language_hints"], found["language_hints_strict"]) == (["de"], True)
    assert found["context"] == {"text": "A dentist.", "terms": ("Okonkwo",)}
    several = soniox.make_settings("v", SonioxSpeechToTextOptions(languages=("en", "es")), "de-DE")
    assert (several["language_hints"], several["language_hints_strict"]) == (["en", "es"], None)
    with pytest.raises(ProviderError, match="stt-rt-v5 knows no 'tlh'"):
        soniox.make_settings("v", chosen, "tlh")


def test_no_more_keyterms_are_configured_than_the_vendor_takes() -> None:
    fitting = SonioxSpeechToTextOptions(keyterm=("Жук" * 25 + "12345",) * 62, context="я" * 4_000)
    context = soniox.make_settings("v", fitting, "uk")["context"]
    assert len(msgspec.json.encode(context).decode()) < MAX_CONTEXT_CHARACTERS
    with pytest.raises(ValueError, match="keyterm: more than 5000 characters together"):
        SonioxSpeechToTextOptions(keyterm=("x" * 100,) * 51)


def test_an_address_may_hold_the_path() -> None:
    assert make_url("https://x.example/", "/a") == "wss://x.example/a"
    assert make_url("wss://x.example/a", "/a") == "wss://x.example/a"


# --- calls ---


@dataclass
class Harness:
    a: SimulatedSoniox
    b: SimulatedSoniox
    call: CartesiaCall

    async def converse(self, burst: int = 8) -> tuple[Caller, list[str]]:
        """Two turns of a caller."""
        caller = Caller(burst)
        caller.session = await self.call.build().stt.open("en-US", caller.sink)
        texts = [await caller.say(TEXT, 1), await caller.say(NEXT, 2)]
        await caller.session.close()
        return caller, texts


@asynccontextmanager
async def running(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Harness]:
    a, b = make_soniox(TEXT, NEXT, key="key-a"), make_soniox(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("stt", servers, folder, monkeypatch, vendor="soniox", **options) as call:
        yield Harness(a, b, call)


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    async with running(tmp_path, monkeypatch, keyterm=["Kelly", "Müller & Co"]) as made:
        yield made


async def test_turns_are_recognised_with_times_over_one_session(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert harness.a.starts == [
        {
            "model": "stt-rt-v5",
            "audio_format": "mulaw",
            "sample_rate": 8_000,
            "num_channels": 1,
            "language_hints": ["en"],
            "context": {"terms": ["Kelly", "Müller & Co"]},
            "enable_endpoint_detection": True,
            "enable_language_identification": True,
        }
    ]
    await wait_for(lambda: bool(harness.a.state.billed))
    assert harness.call.sums("a")["ms"] == harness.a.state.total("stt", "ms") == caller.pushed / 8
    assert not harness.call.failed
    answer = next(event for event in caller.events if getattr(event, "token", None) == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [(one.text, before_ms + one.start_ms) for one in word_times(NEXT)]
    told = answer.words  # type: ignore[union-attr]
    assert [one.text for one in told] == [text for text, _ in truth]
    assert all(abs(one.start_ms - start_ms) <= 100 for one, (_, start_ms) in zip(told, truth, strict=True))


@pytest.mark.parametrize(("kind", "units"), [("deaf", 0), ("stall", 1), ("cut", 1), ("garbage", 1), ("error", 1)])
async def test_no_word_is_lost_when_a_session_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_tokens_out_of_order_and_repeated_ones_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "cause", "reason"),
    [
        ("unauthorized", "unauthorized", "error 401 unauthenticated"),
        ("no_credit", "quota", "error 402 organization_balance_exhausted"),
        ("rate_limited", "rate_limited", "error 429 limit_exceeded"),
    ],
)
async def test_an_account_that_is_refused_is_replaced_and_bills_nothing(
    harness: Harness, kind: Any, cause: str, reason: str
) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert (harness.call.failed[0].cause, harness.call.failed[0].reason) == (cause, reason)
    assert not harness.a.state.billed
    assert harness.call.sums("a")["ms"] <= 200  # until the vendor's answer came


async def test_noise_is_no_failure_and_pauses_are_signalled(harness: Harness) -> None:
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(b"\x10\x90" * 9_600)
    session.finalise(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    session.next_turn()
    session.started()
    for frame in [*caller_frames(NEXT, 0), *[SILENCE * FRAME] * 40]:
        session.push(frame)
    await wait_for(lambda: any(isinstance(event, TurnSignal) for event in events))
    session.finalise(2)  # is answered by the vendor's own end
    await wait_for(lambda: any(getattr(event, "token", None) == 2 for event in events))
    await session.close()
    assert {event.text for event in events if isinstance(event, TurnSignal)} == {NEXT}
    assert not harness.call.failed


async def test_a_session_without_audio_is_kept_alive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soniox, "RULES", replace(soniox.RULES, keep_alive_s=0.05))
    async with running(tmp_path, monkeypatch) as harness:
        harness.a.timing = replace(harness.a.timing, idle_s=0.3)
        events: list[SpeechToTextEvent] = []
        session = await harness.call.build().stt.open("en-US", events.append)
        with pytest.raises(TimeoutError):  # longer than the vendor waits
            await wait_for(lambda: bool(events), 0.7)
        await session.close()
        assert not harness.call.failed
