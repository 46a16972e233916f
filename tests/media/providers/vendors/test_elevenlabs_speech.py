"""ElevenLabs' voice through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.cleanup import close_stream
from media.providers.context_voice import ContextTextToSpeech
from media.providers.factory import Providers
from media.providers.ports import ProviderError, SpeechChunk
from media.providers.vendor import ProviderSetup
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault
from simulator.vendors.server import VendorState
from simulator.vendors.voice import find_words, words
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from tests.simulator.vendors.cartesia_callers import wait_for
from vendors.elevenlabs.facts import ElevenLabsTextToSpeechOptions
from vendors.elevenlabs.media import VENDOR
from vendors.elevenlabs.simulator import GenerationTiming, MultiContextSpeech

SENTENCES = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT = "".join(SENTENCES)
TIMING = GenerationTiming(first_audio_ms=10, chunk_ms=200, speed=100)


@dataclass
class Harness:
    a: MultiContextSpeech
    b: MultiContextSpeech
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = MultiContextSpeech(VendorState(key="key-a"), TIMING), MultiContextSpeech(VendorState(key="key-b"), TIMING)
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("tts", servers, tmp_path, monkeypatch, vendor="elevenlabs") as call:
        yield Harness(a, b, call)


async def say(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def speak(providers: Providers, text: AsyncIterator[str], language: str = "en-GB") -> list[SpeechChunk]:
    async with asyncio.timeout(30):
        return [chunk async for chunk in providers.tts.stream(text, language)]


def heard(chunks: list[SpeechChunk], text: str = TEXT) -> list[str]:
    """The words in the audio. A word that was cut and is said again counts once."""
    samples = decode(b"".join(chunk.audio for chunk in chunks))
    found = [word.text for word in find_words(samples, words(text))]
    assert len(found) <= len(words(text)) + 1
    return [word for word, _ in itertools.groupby(found)]


def make_voice(harness: Harness, **changed: Any) -> ContextTextToSpeech[Any]:
    """The first voice without its chain; its connections are those of all calls."""
    assert VENDOR.tts is not None
    options = {**harness.call.plan["tts"][0]["options"], **changed}
    setup = ProviderSetup("a", msgspec.convert(options, ElevenLabsTextToSpeechOptions), harness.call.factory._resources)
    voice = VENDOR.tts.make(setup)
    assert isinstance(voice, ContextTextToSpeech)
    return voice


@pytest.mark.parametrize("uses_snake", [False, True])
async def test_words_are_spoken_and_timed_over_one_connection(harness: Harness, uses_snake: bool) -> None:
    call, server = harness.call, harness.a
    server.timing = replace(TIMING, uses_snake=uses_snake)
    for _ in range(2):
        chunks = await speak(call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        assert [word.text for word in timed] == TEXT.split()
        real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
        assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=6)
    assert len(set(server.contexts)) == 2
    assert server.closed == server.contexts
    assert server.state.opened["tts"] == 2  # one is spare
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == 2 * len(f"{TEXT} ")
    assert {(event.vendor, event.model) for event in call.used} == {("elevenlabs", "eleven_flash_v2_5")}
    assert not call.failed
    asked = {"output_format": "ulaw_8000", "auto_mode": "true", "sync_alignment": "true", "language_code": "en"}
    assert asked.items() <= server.queries[0].items()


async def test_every_word_is_heard_when_a_voice_is_slower_than_speech(harness: Harness) -> None:
    harness.a.timing = replace(TIMING, chunk_ms=50, speed=0.5)
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert [(failed.provider, failed.reason) for failed in harness.call.failed] == [("a", "slower than real time")]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("refuse", ""),
        ("unauthorized", "invalid_api_key"),
        ("no_credit", "quota_exceeded"),
        ("rate_limited", "too_many_concurrent_requests"),
    ],
)
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any, reason: str) -> None:
    harness.a.state.faults.keep("tts", Fault(kind))
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not harness.a.state.total("tts", "characters")
    assert reason in harness.call.failed[0].reason
    assert not harness.call.sums("a")


@pytest.mark.parametrize(
    ("kind", "cause"), [("unauthorized", "unauthorized"), ("no_credit", "quota"), ("rate_limited", "rate_limited")]
)
async def test_a_refusal_is_understood_by_the_close_frame_alone(harness: Harness, kind: Any, cause: str) -> None:
    harness.a.timing = replace(TIMING, closes_silently=True)
    harness.a.state.faults.keep("tts", Fault(kind))
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert harness.call.failed[0].cause == cause
    assert not harness.call.sums("a")


async def test_text_after_a_pause_goes_into_a_new_context(harness: Harness) -> None:
    async def text() -> AsyncIterator[str]:
        yield "One moment please. "
        yield ""
        await asyncio.sleep(0.05)
        yield "Thank you."

    chunks = await speak(harness.call.build(), text())
    whole = "One moment please. Thank you."
    assert heard(chunks, whole) == words(whole)
    assert len(harness.a.contexts) == 2
    starts = [word.start_ms for chunk in chunks for word in chunk.words]
    assert starts == sorted(starts)
    assert not harness.call.failed


async def test_a_barge_in_closes_the_context_and_keeps_the_connection(harness: Harness) -> None:
    harness.a.state.faults.queue("tts", Fault("slow", factor=20))
    providers = harness.call.build()
    speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
    await anext(speech)
    await close_stream(speech)
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? sentence caller") == ["yes"]
    assert harness.a.closed == harness.a.contexts
    assert harness.a.state.opened["tts"] == 2
    assert harness.call.sums("a")["characters"] == harness.a.state.total("tts", "characters")
    assert not harness.call.failed


async def test_a_connection_never_has_more_contexts_than_the_vendor_allows(harness: Harness) -> None:
    """Closed ones count until their audio was sent: callers who interrupt again and again fill a connection."""
    harness.a.timing = replace(TIMING, speed=1)
    voice = make_voice(harness)
    for _ in range(9):
        speech = voice.stream(say("This sentence is cut short by the caller. "), "en")
        async with asyncio.timeout(30):
            await anext(speech)
        await speech.aclose()
    assert len(harness.a.contexts) == 9
    assert harness.a.state.opened["tts"] <= 4  # each with four, and a spare one


async def test_a_call_connects_before_its_first_word_and_each_language_has_its_address(harness: Harness) -> None:
    providers = harness.call.build()
    providers.prepare()
    await wait_for(lambda: bool(harness.a.state.opened["tts"]))
    await speak(providers, say("Guten Tag."), "de-DE")
    assert [query["language_code"] for query in harness.a.queries[:2]] == ["en", "de"]


async def test_a_language_that_the_model_does_not_speak_is_refused(harness: Harness) -> None:
    with pytest.raises(ProviderError, match="eleven_flash_v2_5 does not support 'cy'"):
        await speak(harness.call.build(), say("Bore da."), "cy")
    assert not harness.a.state.opened["tts"]
    multilingual = make_voice(harness, model="eleven_multilingual_v2", stability=0.4)
    chunks = [chunk async for chunk in multilingual.stream(say("Bore da."), "cy")]
    assert heard(chunks, "Bore da.") == ["bore", "da"]
    assert "language_code" not in harness.a.queries[0]
