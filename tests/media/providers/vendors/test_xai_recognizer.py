"""xAI's recognizer: its messages without a socket, and through the chain of a call against two simulated vendors."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, SpeechToTextEvent, TurnSignal
from shared.providers.segments import TurnTranscript
from simulator.carrier.mulaw import FRAME, SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, RecognizerHarness
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from tests.simulator.vendors.xai_callers import make_xai
from vendors.xai.simulator import SimulatedXai
from vendors.xai.wire import UtteranceReader, make_error, refine_refusal

# --- messages ---


def partial(text: str, start: float, end: float, *, final: bool = False, spoken: bool = False, **more: Any) -> bytes:
    """A result whose words are spread over its time."""
    texts = text.split()
    step = (end - start) / max(1, len(texts))
    words = [{"text": one, "start": start + i * step, "end": start + (i + 1) * step} for i, one in enumerate(texts)]
    flags = {"is_final": final, "speech_final": spoken, "start": start, "duration": end - start}
    return msgspec.json.encode({"type": "transcript.partial", "text": text, "words": words, **flags, **more})


def read_all(*messages: bytes, asked_ms: float = 0) -> list[tuple[str, bool]]:
    """The turn's text after each message."""
    reader, transcript = UtteranceReader("v"), TurnTranscript()
    if asked_ms:
        transcript.finalize(1, asked_ms)
        reader.finalize(asked_ms)
    results = [reader.read(message) for message in messages]
    events = [transcript.add(result) for result in results if result is not None]
    return [(event.text, event.final) for event in events if event is not None]


def test_the_end_of_an_utterance_repeats_its_chunks_and_doubles_nothing() -> None:
    found = read_all(
        partial("one two", 0, 3, final=True),
        partial("three", 3, 4),
        partial("one two three four", 0, 5, final=True, spoken=True),
        partial("five", 5, 6, final=True, spoken=True),
        asked_ms=5_000,
    )
    assert found == [
        ("one two", False),
        ("one two three", False),
        ("one two three four", True),
        ("one two three four five", False),
    ]


def test_an_interim_that_repeats_the_utterance_doubles_nothing() -> None:
    """Whether one does is not said."""
    assert read_all(partial("one two", 0, 3, final=True), partial("one two three", 0, 4.5))[-1] == (
        "one two three",
        False,
    )


def test_the_text_of_a_single_chunk_is_the_vendors_own() -> None:
    assert read_all(partial("It costs $5.", 0, 2, final=True, spoken=True)) == [("It costs $5.", False)]


def test_an_end_before_the_position_that_was_asked_for_is_no_answer() -> None:
    found = read_all(
        partial("one", 0, 1, final=True, spoken=True), partial("two", 1, 3, final=True, spoken=True), asked_ms=3_100
    )
    assert found == [("one", False), ("one two", True)]


@pytest.mark.parametrize(("figure", "finished"), [(0.0, None), (0.2, 0.2), (0.9, 0.9), (None, None), ("x", None)])
def test_confidence_at_a_pause_is_a_signal(figure: Any, finished: float | None) -> None:
    result = UtteranceReader("v").read(partial("one", 0, 1, end_of_turn_confidence=figure))
    assert result is not None and result.finished == finished


@pytest.mark.parametrize(
    ("sentence", "kind", "cause"),
    [
        ("Incorrect API key provided: xa***7Q.", KeyRefused, "unauthorized"),
        ("Your team has used all available credits.", ProviderBusy, "quota"),
        ("Too many concurrent sessions.", ProviderBusy, "rate_limited"),
        ("Stream timed out.", ProviderError, "error"),
    ],
)
def test_errors_are_read_from_sentences_that_are_not_told(sentence: str, kind: type, cause: str) -> None:
    with pytest.raises(ProviderError) as raised:
        UtteranceReader("v").read(msgspec.json.encode({"type": "error", "message": sentence}))
    assert (type(raised.value), raised.value.cause) == (kind, cause)
    assert not set(raised.value.reason.split()) & set(sentence.split())
    assert type(make_error("v", sentence, "HTTP 403")) is kind


def test_a_handshake_is_refused_for_what_its_answer_says() -> None:
    plain = ProviderError("v", "HTTP 400", retryable=False, cause="refused")
    assert refine_refusal(plain.with_answer(b'{"error":"The model does not exist."}')) is plain
    refined = refine_refusal(plain.with_answer(b'{"code":"x","error":"Incorrect API key provided: xa***"}'))
    assert isinstance(refined, KeyRefused)
    assert refined.reason == "HTTP 400 invalid_api_key"


@pytest.mark.parametrize("message", [b"", b"[]", b'{"type":"transcript.partial","words":7}', b"\xff"])
def test_a_message_that_cannot_be_read_is_an_error(message: bytes) -> None:
    with pytest.raises(ProviderError, match="an unreadable message"):
        UtteranceReader("v").read(message)


# --- calls ---


Harness = RecognizerHarness[SimulatedXai]


@asynccontextmanager
async def running(folder: Path, monkeypatch: pytest.MonkeyPatch, **options: Any) -> AsyncIterator[Harness]:
    a, b = make_xai(TEXT, NEXT, key="key-a"), make_xai(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("stt", servers, folder, monkeypatch, vendor="xai", answer_s=0.2, **options) as call:
        yield Harness(a, b, call)


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    async with running(tmp_path, monkeypatch, keyterm=["Kelly", "Müller & Co"]) as made:
        yield made


async def test_turns_are_recognized_with_times_over_one_session(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert harness.a.queries == [
        {
            "model": ["grok-voice-transcribe-2.0"],
            "encoding": ["mulaw"],
            "sample_rate": ["8000"],
            "interim_results": ["true"],
            "language": ["en"],
            "keyterm": ["Kelly", "Müller & Co"],
            "smart_turn": ["0.7"],
        }
    ]
    await wait_for(lambda: bool(harness.a.state.billed))
    assert harness.call.sums("a")["ms"] == harness.a.state.total("stt", "ms") == caller.pushed / 8
    assert not harness.call.failed
    answer = next(event for event in caller.events if getattr(event, "token", None) == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [(word_time.text, before_ms + word_time.start_ms) for word_time in word_times(NEXT)]
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
async def test_ends_out_of_order_and_repeated_ones_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "cause", "reason"),
    [
        ("unauthorized", "unauthorized", "HTTP 400 invalid_api_key"),
        ("no_credit", "quota", "HTTP 429 insufficient_quota"),
        ("rate_limited", "rate_limited", "HTTP 429"),
    ],
)
async def test_refused_account_is_replaced_and_not_billed(harness: Harness, kind: Any, cause: str, reason: str) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert (harness.call.failed[0].cause, harness.call.failed[0].reason) == (cause, reason)
    assert not harness.a.state.billed


async def test_noise_is_not_a_failure_and_pauses_are_signaled(harness: Harness) -> None:
    events: list[SpeechToTextEvent] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(b"\x10\x90" * 9_600)
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    session.next_turn()
    for frame in [*caller_frames(NEXT, 0), *[SILENCE * FRAME] * 40]:
        session.push(frame)
    await wait_for(lambda: any(isinstance(event, TurnSignal) for event in events))
    await session.close()
    assert {event.text for event in events if isinstance(event, TurnSignal)} == {NEXT}
    assert not harness.call.failed
