"""ElevenLabs' Scribe through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.providers.ports import ProviderError, RecognizedText
from simulator.vendors.faults import Fault
from simulator.vendors.known_speech import Ear, KnownRecording, KnownSpeech, KnownWord
from simulator.vendors.server import VendorState
from simulator.vendors.voice import speak, word_times
from tests.media.providers.vendors.cartesia_servers import running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, RecognizerHarness
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from vendors.elevenlabs.simulator import ScribeRecognizer, ScribeTiming

QUICK = ScribeTiming(commit_s=0.01, times_s=0.002, partial_s=0.001)


def make_scribe(*texts: str, key: str) -> ScribeRecognizer:
    """A recognizer that knows these texts."""
    recordings = [
        KnownRecording(
            speak(text),
            tuple(KnownWord(word_time.text, word_time.start_ms, word_time.end_ms) for word_time in word_times(text)),
        )
        for text in texts
    ]
    speech = KnownSpeech(recordings)
    return ScribeRecognizer(VendorState(key=key), lambda: Ear(speech), QUICK)


Harness = RecognizerHarness[ScribeRecognizer]


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = make_scribe(TEXT, NEXT, key="key-a"), make_scribe(TEXT, NEXT, key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call(
        "stt", servers, tmp_path, monkeypatch, vendor="elevenlabs", keyterm=["Maple"], times_s=0.1
    ) as call:
        yield Harness(a, b, call)


async def test_turns_are_recognized_over_one_connection(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    server = harness.a
    assert server.state.opened["stt"] == 1
    await wait_for(lambda: bool(server.state.billed))
    assert harness.call.sums("a")["ms"] == server.state.total("stt", "ms") == caller.pushed / 8
    assert {(event.vendor, event.model) for event in harness.call.used} == {("elevenlabs", "scribe_v2_realtime")}
    assert any(isinstance(event, RecognizedText) and not event.final and event.text for event in caller.events)
    assert not harness.call.failed
    assert server.chunks <= caller.pushed / 480 + 2  # of 60 ms, and one for each commit
    asked = {
        "audio_format": ["ulaw_8000"],
        "commit_strategy": ["manual"],
        "language_code": ["en"],
        "include_timestamps": ["true"],
        "keyterms": ["Maple"],
    }
    assert asked.items() <= server.queries[0].items()


async def test_words_are_timed_in_the_callers_audio(harness: Harness) -> None:
    caller, _ = await harness.converse()
    answer = next(event for event in caller.events if isinstance(event, RecognizedText) and event.token == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [
        (word_time.text, before_ms + word_time.start_ms, before_ms + word_time.end_ms) for word_time in word_times(NEXT)
    ]
    assert [word.text for word in answer.words] == [text for text, _, _ in truth]
    for told, (_, start_ms, end_ms) in zip(answer.words, truth, strict=True):
        assert abs(told.start_ms - start_ms) <= 100 and abs(told.end_ms - end_ms) <= 100


async def test_a_text_is_not_lost_when_its_times_never_come(harness: Harness) -> None:
    harness.a.timing = replace(QUICK, times_s=None)
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed
    assert not any(event.words for event in caller.events if isinstance(event, RecognizedText))


@pytest.mark.parametrize(("kind", "units"), [("deaf", 0), ("cut", 4), ("garbage", 4), ("error", 4)])
async def test_no_word_is_lost_when_a_connection_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"
    await wait_for(lambda: bool(harness.b.state.billed))
    assert harness.b.state.total("stt", "ms") == harness.call.sums("b")["ms"]
    assert harness.call.sums("a")["ms"] >= harness.a.state.total("stt", "ms")


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_unordered_and_repeated_finals_do_not_duplicate_text(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.queue("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "reason"),
    [("refuse", ""), ("unauthorized", "auth_error"), ("no_credit", "quota_exceeded"), ("rate_limited", "rate_limited")],
)
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any, reason: str) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.sums("a")
    assert not harness.a.state.billed
    assert reason in harness.call.failed[0].reason


async def test_audio_that_fills_no_message_is_sent_at_the_end(harness: Harness) -> None:
    """It has been metered."""
    session = await harness.call.build().stt.open("en-US", lambda event: None)
    session.push(bytes(160))
    await session.close()
    await wait_for(lambda: bool(harness.a.state.billed))
    assert harness.a.state.total("stt", "ms") == harness.call.sums("a")["ms"] == 20


async def test_noise_is_not_a_failure(harness: Harness) -> None:
    events: list[Any] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(random.Random(1).randbytes(2_400 * 8))
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    await session.close()
    assert {event.text for event in events if isinstance(event, RecognizedText)} == {""}
    assert not harness.call.failed


async def test_a_refused_setting_is_an_error_of_opening(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    servers = {name: make_scribe(TEXT, key=name) for name in ("a", "b")}
    routes = {name: (one.state, one.routes()) for name, one in servers.items()}
    async with running_call("stt", routes, tmp_path, monkeypatch, vendor="elevenlabs", model="scribe_v9") as call:
        with pytest.raises(ProviderError, match="error invalid_request"):
            await call.build().stt.open("en", lambda event: None)


async def test_a_session_without_audio_is_kept_alive(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vendors.elevenlabs.media.KEEP_ALIVE_S", 0.02)
    events: list[Any] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    await wait_for(lambda: harness.a.chunks >= 2)
    await asyncio.sleep(0)
    await session.close()
    assert not events
