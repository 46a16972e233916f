"""Rime's voice through the chain of a call, against two simulated vendors; and its key check."""

import asyncio
import itertools
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from control.voice.key_check import KeyCheck, KeyChecker
from control.voice.keys import KeyedProvider
from control.voice.role_check import check_roles
from control.voice.routing.rules import VENDOR
from media.providers.cleanup import close_stream
from media.providers.factory import Providers
from media.providers.ports import ProviderError, SpeechChunk
from shared.egress import EgressGuard
from shared.errors import Invalid
from simulator.carrier.mulaw import decode
from simulator.vendors.faults import Fault
from simulator.vendors.server import VendorState, running_vendor
from simulator.vendors.voice import find_words, words
from tests.control.agents.strategies import offer
from tests.media.providers.vendors.cartesia_servers import CartesiaCall, running_call
from vendors.rime.simulator import RimeTiming, SimulatedRime

SENTENCES = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT = "".join(SENTENCES)
TIMING = RimeTiming(first_audio_ms=10, speed=100)


@dataclass
class Harness:
    a: SimulatedRime
    b: SimulatedRime
    call: CartesiaCall


@pytest.fixture
async def harness(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Harness]:
    a, b = SimulatedRime(VendorState(key="key-a"), TIMING), SimulatedRime(VendorState(key="key-b"), TIMING)
    servers = {"a": (a.state, a.routes()), "b": (b.state, b.routes())}
    async with running_call("tts", servers, tmp_path, monkeypatch, vendor="rime") as call:
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


async def test_words_are_spoken_and_timed_over_one_connection(harness: Harness) -> None:
    call, server = harness.call, harness.a
    for _ in range(2):
        chunks = await speak(call.build(), say(*SENTENCES))
        assert heard(chunks) == words(TEXT)
        timed = [word for chunk in chunks for word in chunk.words]
        assert [word.text for word in timed] == TEXT.split()
        real = find_words(decode(b"".join(chunk.audio for chunk in chunks)), words(TEXT))
        assert [word.start_ms for word in timed] == pytest.approx([word.start_ms for word in real], abs=6)
    assert {(query["lang"], query["segment"]) for query in server.queries} == {("eng", "never")}
    assert server.state.opened["tts"] == 2  # one is spare
    assert call.sums("a")["characters"] == server.state.total("tts", "characters") == 2 * len(TEXT)
    assert {(event.vendor, event.model) for event in call.used} == {("rime", "coda")}
    assert not call.failed


async def test_a_connection_that_still_speaks_what_was_cut_is_not_used_again(harness: Harness) -> None:
    harness.a.timing = replace(TIMING, speed=1)
    providers = harness.call.build()
    for _ in range(3):
        speech = providers.tts.stream(say("This sentence is cut short by the caller. "), "en")
        await anext(speech)
        await close_stream(speech)
    harness.a.timing = TIMING
    chunks = await speak(providers, say("Yes?"))
    assert heard(chunks, "Yes? sentence caller") == ["yes"]
    assert harness.a.state.opened["tts"] >= 4
    assert not harness.call.failed


async def test_each_language_has_its_connections_and_others_are_refused(harness: Harness) -> None:
    for language in ("en-GB", "es-MX"):
        await speak(harness.call.build(), say("Si. "), language)
    assert {query["lang"] for query in harness.a.queries} == {"eng", "spa"}
    with pytest.raises(ProviderError, match="coda does not support 'tlh'"):
        await speak(harness.call.build(), say("nuqneH"), "tlh")


def provider(address: str, key: str = "key-a", **changed: Any) -> KeyedProvider:
    options = {"model": "coda", "base_url": f"ws://{address}", **changed}
    return KeyedProvider(offer("my-rime", kinds=["tts"], config={VENDOR: "rime", "tts": options}), key)


async def test_a_key_is_tried_with_one_word() -> None:
    vendor = SimulatedRime(VendorState(key="key-a"), TIMING, frozenset({"astra"}))
    async with running_vendor(vendor.routes(), None) as address:
        assert set(await check_roles(provider(address), 5.0)) == {"tts"}
        assert vendor.state.total("tts", "characters") == 3
        refusals = {}
        for changed in ({"key": "wrong-key-1234"}, {"model": "coda-9"}, {"voice_id": "nobody"}):
            with pytest.raises(Invalid) as raised:
                await KeyChecker(EgressGuard(), 5.0).check(KeyCheck(provider(address, **changed)))
            refusals[raised.value.param] = raised.value.code
        vendor.state.faults.keep("tts", Fault("no_credit"))
        with pytest.raises(Invalid, match="401"):
            await check_key(address)
    assert refusals == {"api_key": "key_refused", "config.tts": "provider_refused"}


async def check_key(address: str) -> None:
    await KeyChecker(EgressGuard(), 5.0).check(KeyCheck(provider(address)))
