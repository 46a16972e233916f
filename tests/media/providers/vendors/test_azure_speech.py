"""Azure's voice through the chain of a call, against two simulated vendors over TLS, with each fault."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from media.providers.cleanup import close_stream
from media.providers.factory import Providers
from media.providers.ports import ProviderError, SpeechChunk
from media.providers.vendor import ProviderSetup
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault
from simulator.vendors.voice import find_words, words
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from tests.simulator.vendors.azure_callers import FAST, make_azure
from tests.simulator.vendors.cartesia_callers import wait_for
from vendors.azure_speech.facts import AzureTextToSpeechOptions
from vendors.azure_speech.media import VENDOR, AzureTextToSpeech
from vendors.azure_speech.simulator import SimulatedAzure

SENTENCES = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT = "".join(SENTENCES)


@dataclass
class Harness:
    a: SimulatedAzure
    b: SimulatedAzure
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = make_azure(key="key-a"), make_azure(key="key-b")
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("tts", servers, tmp_path, monkeypatch, vendor="azure-speech") as call:
        yield Harness(a, b, call)


async def say(*pieces: str) -> AsyncIterator[str]:
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def speak(providers: Providers, text: AsyncIterator[str], language: str = "en-US") -> list[SpeechChunk]:
    async with asyncio.timeout(30):
        return [chunk async for chunk in providers.tts.stream(text, language)]


def heard(chunks: list[SpeechChunk], text: str = TEXT) -> list[str]:
    """The words in the audio. A word that was cut and is said again counts once."""
    samples = decode(b"".join(chunk.audio for chunk in chunks))
    found = [word.text for word in find_words(samples, words(text))]
    assert len(found) <= len(words(text)) + 1
    return [word for word, _ in itertools.groupby(found)]


def make_voice(harness: Harness, **changed: Any) -> AzureTextToSpeech:
    """The first voice without its chain; its connections are those of all calls."""
    assert VENDOR.tts is not None
    options = {**harness.call.plan["tts"][0]["options"], **changed}
    setup = ProviderSetup("a", msgspec.convert(options, AzureTextToSpeechOptions), harness.call.factory._resources)
    voice = VENDOR.tts.make(setup)
    assert isinstance(voice, AzureTextToSpeech)
    return voice


async def test_words_are_spoken_and_timed_over_one_connection(harness: Harness) -> None:
    call, server = harness.call, harness.a
    for _ in range(2):
        chunks = await speak(call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        assert [word.text for word in timed] == [word.rstrip(".,?") for word in TEXT.split()]
        real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
        assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=6)
    assert server.state.opened["tts"] == 2  # one is spare
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == 2 * len(TEXT)
    assert {(event.vendor, event.model) for event in call.used} == {("azure-speech", "neural")}
    assert not call.failed
    assert server.speech.contexts[0]["synthesis"]["audio"]["outputFormat"] == "raw-8khz-8bit-mono-mulaw"
    assert [ssml.partition("<voice")[2] for ssml in server.speech.ssml[:1]] == [
        ' name="en-US-AvaMultilingualNeural">Good morning, </voice></speak>'
    ]


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("refuse", ""),
        ("unauthorized", "HTTP 401"),
        ("no_credit", "HTTP 403, quota"),
        ("rate_limited", "closed with 4429"),
    ],
)
async def test_a_vendor_that_refuses_is_replaced_and_bills_nothing(harness: Harness, kind: Any, reason: str) -> None:
    harness.a.state.faults.keep("tts", Fault(kind))
    chunks = await speak(harness.call.build(), say(*SENTENCES))
    assert heard(chunks) == words(TEXT)
    assert not harness.a.state.total("tts", "characters")
    assert reason in harness.call.failed[0].reason
    assert not harness.call.sums("a")


async def test_a_barge_in_stops_the_turn_and_keeps_the_connection(harness: Harness) -> None:
    harness.a.state.faults.queue("tts", Fault("slow", factor=20))
    providers = harness.call.build()
    speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
    await anext(speech)
    await close_stream(speech)
    await wait_for(lambda: harness.a.speech.stopped == 1)
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? sentence caller") == ["yes"]
    assert harness.a.state.opened["tts"] == 2
    assert harness.call.sums("a")["characters"] == harness.a.state.total("tts", "characters")
    assert not harness.call.failed


async def test_a_connection_whose_turn_does_not_stop_is_closed(
    harness: Harness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vendors.azure_speech.media.STOP_S", 0.05)
    harness.a.speech.timing = replace(FAST, speed=0.1, can_stop=False)
    voice = make_voice(harness)
    speech = voice.stream(say("This sentence is cut short by the caller. "), "en")
    await anext(speech)
    await speech.aclose()
    await wait_for(lambda: voice._connections.idle_count == 1)  # the spare one
    await wait_for(lambda: not harness.a.speech.speaking)  # the service would speak for half a minute
    chunks = [chunk async for chunk in voice.stream(say("Yes?"), "en")]
    assert heard(chunks, "Yes?") == ["yes"]
    assert not harness.a.speech.stopped


async def test_words_without_times_are_spread_over_the_audio(harness: Harness) -> None:
    """Some voices tell 0 for each word."""
    harness.a.speech.timing = replace(FAST, times_words=False)
    chunks = await speak(harness.call.build(), say("You have reached the dentist."))
    timed = [word for chunk in chunks for word in chunk.words]
    assert [word.text for word in timed] == ["You", "have", "reached", "the", "dentist."]
    assert [word.is_estimated for word in timed] == [False, True, True, True, True]
    length_ms = sum(len(chunk.audio) for chunk in chunks) / 8
    assert timed[-1].end_ms == pytest.approx(length_ms)


async def test_a_call_connects_before_its_first_word(harness: Harness) -> None:
    providers = harness.call.build()
    providers.prepare()
    await wait_for(lambda: bool(harness.a.state.opened["tts"]))
    await speak(providers, say("Guten Tag."), "de-AT")
    assert '<lang xml:lang="de-AT">Guten Tag.</lang>' in harness.a.speech.ssml[0]


async def test_a_language_that_the_voice_does_not_speak_is_refused(harness: Harness) -> None:
    german = make_voice(harness, voice_id="de-DE-KatjaNeural")
    with pytest.raises(ProviderError, match="de-DE-KatjaNeural does not support 'en-US'") as raised:
        await anext(german.stream(say("Hello."), "en"))
    assert not raised.value.retryable
    assert not harness.a.state.opened["tts"]
    chunks = [chunk async for chunk in german.stream(say("Guten Tag."), "de")]
    assert heard(chunks, "Guten Tag.") == ["guten", "tag"]


async def test_a_voice_that_there_is_not_is_refused_for_good(harness: Harness) -> None:
    harness.a.speech.voices = frozenset({"en-US-JennyNeural"})
    with pytest.raises(ProviderError, match="closed with 1007") as raised:
        await anext(make_voice(harness).stream(say("Hello."), "en"))
    assert (raised.value.cause, raised.value.retryable) == ("refused", False)
