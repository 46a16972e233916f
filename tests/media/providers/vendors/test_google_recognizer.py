"""Google's recognizer through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from media.providers.ports import RecognizedText, SpeechToTextFailed, TurnSignal
from simulator.carrier.mulaw import SILENCE
from simulator.vendors.faults import Fault
from simulator.vendors.voice import word_times
from tests.media.providers.vendors.google_servers import QUICK, make_google, running_call
from tests.media.providers.vendors.recognizer_harness import NEXT, TEXT, Caller, RecognizerHarness
from tests.simulator.vendors.cartesia_callers import caller_frames, wait_for
from vendors.google_speech import media as google_speech_media
from vendors.google_speech.media import RenewalLimits
from vendors.google_speech.simulator import SimulatedGoogleSpeech

Harness = RecognizerHarness[SimulatedGoogleSpeech]


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = make_google(TEXT, NEXT, key="a"), make_google(TEXT, NEXT, key="b")
    options = {"model": "chirp_3", "location": "us", "keyterm": ["Maple"], "answer_s": 0.2}
    async with running_call("stt", {"a": a, "b": b}, tmp_path, monkeypatch, **options) as call:
        yield Harness(a, b, call)


async def test_turns_are_recognized_by_a_stream_each(harness: Harness) -> None:
    caller, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    server = harness.a
    assert server.state.opened["stt"] == 2
    assert harness.call.sums("a")["ms"] == server.state.total("stt", "ms") == caller.pushed / 8
    assert {(event.vendor, event.model) for event in harness.call.used} == {("google-speech", "chirp_3")}
    assert any(isinstance(event, RecognizedText) and not event.final and event.text for event in caller.events)
    assert not harness.call.failed
    config = server.recognizer.configs[0].config
    assert list(config.language_codes) == ["en-US"]
    assert config.adaptation.phrase_sets[0].inline_phrase_set.phrases[0].value == "Maple"


async def test_words_are_timed_in_the_callers_audio(harness: Harness) -> None:
    """Also in the second stream, whose own times begin at 0."""
    caller, _ = await harness.converse()
    answer = next(event for event in caller.events if isinstance(event, RecognizedText) and event.token == 2)
    before_ms = 20 * len(caller_frames(TEXT))
    truth = [
        (word_time.text, before_ms + word_time.start_ms, before_ms + word_time.end_ms) for word_time in word_times(NEXT)
    ]
    assert [word.text for word in answer.words] == [text for text, _, _ in truth]
    for told, (_, start_ms, end_ms) in zip(answer.words, truth, strict=True):
        assert abs(told.start_ms - start_ms) <= 100 and abs(told.end_ms - end_ms) <= 100


@pytest.mark.parametrize(("kind", "units"), [("deaf", 0), ("cut", 4), ("garbage", 4), ("error", 4), ("stall", 4)])
async def test_no_word_is_lost_when_a_stream_breaks(harness: Harness, kind: Any, units: int) -> None:
    harness.a.state.faults.queue("stt", Fault(kind, after_units=units))
    _, texts = await harness.converse(burst=1)  # the first words are known before the last ones are said
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].provider == "a"
    await wait_for(lambda: harness.b.state.total("stt", "ms") == harness.call.sums("b")["ms"])


@pytest.mark.parametrize("kind", ["reorder", "repeat"])
async def test_results_that_come_late_or_twice_double_nothing(harness: Harness, kind: Any) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.call.failed


@pytest.mark.parametrize(
    ("kind", "reason", "cause"),
    [
        ("refuse", "UNAVAILABLE", "cut"),
        ("unauthorized", "UNAUTHENTICATED", "unauthorized"),
        ("no_credit", "PERMISSION_DENIED", "quota"),
        ("rate_limited", "RESOURCE_EXHAUSTED", "rate_limited"),
    ],
)
async def test_a_vendor_that_refuses_is_replaced(harness: Harness, kind: Any, reason: str, cause: str) -> None:
    harness.a.state.faults.keep("stt", Fault(kind))
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert not harness.a.state.billed
    assert reason in harness.call.failed[0].reason and harness.call.failed[0].cause == cause


async def test_a_key_that_is_none_is_refused_before_any_connection(harness: Harness) -> None:
    harness.call.plan["stt"][0]["options"]["api_key"] = "sk-1"
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].cause == "unauthorized" and "key file" in harness.call.failed[0].reason
    assert harness.a.state.opened["stt"] == 0


async def test_a_server_that_is_not_there_is_replaced(harness: Harness) -> None:
    harness.call.plan["stt"][0]["options"]["base_url"] = "https://127.0.0.1:1"
    _, texts = await harness.converse()
    assert texts == [TEXT, NEXT]
    assert harness.call.failed[0].cause == "refused" and "cannot connect" in harness.call.failed[0].reason


async def test_a_vendor_without_final_texts_answers_with_what_is_known(harness: Harness) -> None:
    """The last text that covers the audio, after `answer_s`."""
    harness.a.recognizer.timing = replace(QUICK, final_s=3.0)
    caller = Caller(8)
    caller.session = await harness.call.build().stt.open("en", caller.sink)
    assert await caller.say(TEXT, 1) == TEXT
    await caller.session.close()


async def test_a_stream_whose_end_never_comes_makes_later_ones_not_deaf(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With no other recognizer: what later streams tell waits for the end of the one before."""
    monkeypatch.setattr(google_speech_media, "LIMITS", RenewalLimits(ending_s=0.2))
    harness.call.plan["stt"].pop()
    harness.a.recognizer.timing = replace(QUICK, final_s=60.0)
    caller = Caller(1)
    session = caller.session = await harness.call.build().stt.open("en", caller.sink)
    for frame in caller_frames(TEXT):
        session.push(frame)
    session.finalize(1)
    await asyncio.sleep(0.3)
    session.next_turn()  # nothing came
    harness.a.recognizer.timing = QUICK
    assert await caller.say(NEXT, 2) == NEXT
    await session.close()
    assert not harness.call.failed


async def test_a_final_text_that_nobody_asked_for_is_evidence(harness: Harness) -> None:
    """And speech after it takes it back."""
    caller = Caller(8)
    session = await harness.call.build().stt.open("en", caller.sink)
    for frame in (*caller_frames(TEXT, silence_ms=1_000), *caller_frames(NEXT)):
        session.push(frame)
        await asyncio.sleep(0.001)
    await wait_for(lambda: any(isinstance(event, TurnSignal) and event.resumed for event in caller.events))
    signals = [event for event in caller.events if isinstance(event, TurnSignal)]
    assert signals[0] == TurnSignal(TEXT, 0.7)
    assert signals[1] == TurnSignal(TEXT, None, resumed=True)
    await session.close()


@pytest.mark.parametrize("silence_ms", [0, 4_000])
async def test_a_stream_is_renewed_without_losing_a_word(
    harness: Harness, monkeypatch: pytest.MonkeyPatch, silence_ms: int
) -> None:
    """In the middle of speech (0 ms of silence), and in a silence; both before the vendor would end it."""
    limits = RenewalLimits(renew_s=0.08, renew_anyway_s=0.2)
    monkeypatch.setattr(google_speech_media, "LIMITS", limits)
    harness.a.recognizer.timing = replace(QUICK, longest_s=1.0)
    caller = Caller(1)
    caller.session = await harness.call.build().stt.open("en", caller.sink)
    for _ in range(silence_ms // 20):
        caller.session.push(SILENCE * 160)
        await asyncio.sleep(0.001)
    assert await caller.say(TEXT, 1) == TEXT
    assert await caller.say(NEXT, 2) == NEXT
    await caller.session.close()
    assert harness.a.state.opened["stt"] >= 4
    assert not harness.call.failed


async def test_a_stream_that_the_vendor_ends_is_a_failure(harness: Harness) -> None:
    harness.a.recognizer.timing = replace(QUICK, longest_s=0.05)
    _, texts = await harness.converse(burst=1)
    assert texts == [TEXT, NEXT]
    assert "ABORTED" in harness.call.failed[0].reason


async def test_a_stream_without_audio_is_ended_by_us(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = RenewalLimits(idle_s=0.05)
    monkeypatch.setattr(google_speech_media, "LIMITS", limits)
    harness.a.recognizer.timing = replace(QUICK, idle_s=5.0)
    caller = Caller(8)
    caller.session = await harness.call.build().stt.open("en", caller.sink)
    caller.session.push(SILENCE * 1_600)
    await wait_for(lambda: bool(harness.a.recognizer.sent_bytes))
    assert await caller.say(TEXT, 1) == TEXT
    await caller.session.close()
    assert not harness.call.failed


async def test_vendor_that_stops_reading_counts_as_a_failure(harness: Harness, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vendors.google_speech.media.MAX_UNSENT_BYTES", 1_000)
    events: list[Any] = []
    harness.call.plan["stt"].pop()
    session = await harness.call.build().stt.open("en", events.append)
    session.push(bytes(2_000))
    await wait_for(lambda: any(isinstance(event, SpeechToTextFailed) for event in events))
    await session.close()


async def test_noise_is_not_a_failure(harness: Harness) -> None:
    events: list[Any] = []
    session = await harness.call.build().stt.open("en-US", events.append)
    session.started()
    session.push(random.Random(1).randbytes(2_400 * 8))
    session.finalize(1)
    await wait_for(lambda: any(getattr(event, "token", None) == 1 for event in events))
    session.finalize(2)  # without audio since: answered by what is known
    await wait_for(lambda: any(getattr(event, "token", None) == 2 for event in events))
    await session.close()
    assert {event.text for event in events if isinstance(event, RecognizedText)} == {""}
    assert not harness.call.failed
