"""Cartesia's voice through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.cleanup import close_stream
from media.providers.context_voice import IDLE_S, ContextTextToSpeech, ContextUtterance
from media.providers.factory import Providers
from media.providers.ports import SpeechChunk
from media.providers.vendor import ProviderSetup
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault
from simulator.vendors.server import VendorState
from simulator.vendors.voice import find_words, words
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from tests.simulator.vendors.cartesia_callers import wait_for
from tests.virtual_time import run_virtual
from vendors.cartesia.facts import CartesiaTextToSpeechOptions
from vendors.cartesia.media import VENDOR as CARTESIA
from vendors.cartesia.simulator import CartesiaSpeech, SpeechTiming
from vendors.cartesia.wire import SpeechMessage, SpokenContexts

SENTENCES = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT = "".join(SENTENCES)
TIMING = SpeechTiming(first_audio_ms=10, chunk_ms=200, speed=100)


@dataclass
class Harness:
    a: CartesiaSpeech
    b: CartesiaSpeech
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = CartesiaSpeech(VendorState(key="key-a"), TIMING), CartesiaSpeech(VendorState(key="key-b"), TIMING)
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("tts", servers, tmp_path, monkeypatch) as call:
        yield Harness(a, b, call)


async def say(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def speak(providers: Providers, text: AsyncIterator[str]) -> list[SpeechChunk]:
    async with asyncio.timeout(30):
        return [chunk async for chunk in providers.tts.stream(text, "en-GB")]


def heard(chunks: list[SpeechChunk], text: str = TEXT) -> list[str]:
    """The words in the audio. A word that was cut and is said again counts once."""
    samples = decode(b"".join(chunk.audio for chunk in chunks))
    found = [word.text for word in find_words(samples, words(text))]
    assert len(found) <= len(words(text)) + 1
    return [word for word, _ in itertools.groupby(found)]


def make_voice(harness: Harness) -> ContextTextToSpeech[Any]:
    """The first voice without its chain; its connections are those of all calls."""
    assert CARTESIA.tts is not None
    options = msgspec.convert(harness.call.plan["tts"][0]["options"], CartesiaTextToSpeechOptions)
    voice = CARTESIA.tts.make(ProviderSetup("a", options, harness.call.factory._resources))
    assert isinstance(voice, ContextTextToSpeech)
    return voice


async def test_words_are_spoken_and_timed_over_one_connection(harness: Harness) -> None:
    call, server = harness.call, harness.a
    for _ in range(2):
        chunks = await speak(call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        assert [word.text for word in timed] == TEXT.split()
        real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
        assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=5)
    assert len(set(server.contexts)) == 2
    assert server.state.opened["tts"] == 2  # one is spare
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == 2 * len(TEXT)
    assert {(event.vendor, event.model) for event in call.used} == {("cartesia", "sonic-3.5")}
    assert not call.failed


@pytest.mark.parametrize("kind", ["refuse", "unauthorized", "no_credit", "rate_limited"])
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: str) -> None:
    harness.a.state.faults.keep("tts", Fault(kind))  # type: ignore[arg-type]
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not harness.a.state.total("tts", "characters")
    assert not harness.call.sums("a")
    reasons = {"unauthorized": "HTTP 401", "no_credit": "error 402 quota_exceeded", "refuse": ""}
    assert reasons.get(kind, "error 429 concurrency_limited") in harness.call.failed[0].reason


async def test_a_voice_that_is_too_slow_is_replaced(harness: Harness) -> None:
    harness.a.state.faults.queue("tts", Fault("slow", factor=100))
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert "no data" in harness.call.failed[0].reason


async def test_text_after_a_long_pause_goes_into_a_new_context(harness: Harness) -> None:
    """The vendor forgets a context 1 s after its last audio."""

    async def text() -> AsyncIterator[str]:
        yield "One moment please. "
        yield ""
        await asyncio.sleep(0.1)
        yield "Thank you for waiting. "
        await asyncio.sleep(1.2)
        yield "Goodbye."

    chunks = await speak(harness.call.build(), text())
    whole = "One moment please. Thank you for waiting. Goodbye."
    assert heard(chunks, whole) == words(whole)
    assert len(harness.a.contexts) == 3
    assert not harness.call.failed
    starts = [word.start_ms for chunk in chunks for word in chunk.words]
    assert starts == sorted(starts)


async def test_a_barge_in_cancels_the_context_and_keeps_the_connection(harness: Harness) -> None:
    harness.a.state.faults.queue("tts", Fault("slow", factor=20))
    providers = harness.call.build()
    speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
    await anext(speech)
    await close_stream(speech)
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? late") == ["yes"]  # `late` is what the cancelled context still sends
    assert harness.a.cancelled == harness.a.contexts[:1]
    assert harness.a.state.opened["tts"] == 2
    assert harness.call.sums("a")["characters"] == harness.a.state.total("tts", "characters")


async def test_idle_connections_are_not_used_after_one_that_was_silent(harness: Harness) -> None:
    voice = make_voice(harness)
    first = voice.stream(say("This call is still speaking. "), "en")
    await anext(first)
    await wait_for(lambda: voice.begin("en")[0].idle_count == 1)
    harness.a.state.faults.strike("tts", Fault("half_open"))
    second = voice.stream(say("Yes?"), "en")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(IDLE_S + 0.1):
            await anext(second)
    assert harness.a.state.opened["tts"] == 3  # one more was opened meanwhile
    assert voice.begin("en")[0].idle_count == 0
    await close_stream(first)


async def test_the_first_word_of_a_further_call_needs_no_new_connection(harness: Harness) -> None:
    harness.a.state.faults.queue("tts", Fault("slow", factor=20))
    voice = make_voice(harness)
    first = voice.stream(say("This call is still speaking. "), "en")
    await anext(first)
    await wait_for(lambda: voice.begin("en")[0].idle_count == 1)
    harness.a.state.faults.keep("tts", Fault("refuse"))  # a new connection would fail
    assert heard(await speak(harness.call.build(), say("Yes?")), "Yes?") == ["yes"]
    assert not harness.call.failed
    await close_stream(first)


async def test_a_call_connects_before_its_first_word(harness: Harness) -> None:
    providers = harness.call.build()
    providers.prepare()
    await wait_for(lambda: bool(harness.a.state.opened["tts"]))
    assert harness.b.state.opened["tts"] <= 1
    assert not harness.call.sums("a")


def test_a_silent_context_is_ended_well_before_the_vendor_forgets_it() -> None:
    """Its last audio came just after the first look at it."""

    class Connection:
        def __init__(self) -> None:
            self.sent: list[tuple[float, bytes]] = []

        def send(self, message: bytes) -> None:
            self.sent += [(asyncio.get_running_loop().time(), message)] if message else []

    async def main() -> None:
        connection = Connection()
        contexts = SpokenContexts("v", {}, lambda: "c")
        utterance = ContextUtterance("v", connection, contexts)
        utterance._send(contexts.add_text("One. "))
        await asyncio.sleep(0.1)
        utterance.take(SpeechMessage("chunk", "c", b"x"))
        await asyncio.sleep(1.0)
        utterance.stop()
        ended_at, message = connection.sent[1]
        assert msgspec.json.decode(message)["continue"] is False
        assert ended_at == pytest.approx(0.1 + IDLE_S)

    run_virtual(main())
