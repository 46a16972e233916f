"""Two simulated accounts of one vendor over TLS, and a call whose voices are these accounts, one after the other.

Everything comes from the vendor's `ENTRY`, so that a new vendor needs no line here.
"""

import asyncio
import itertools
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import aiohttp
import msgspec
import pytest

from media.command import VENDORS
from media.providers.factory import ProviderFactory, Providers
from media.providers.ports import SpeechChunk, TextToSpeech
from media.providers.vendor import ProviderSetup
from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import make_certificate
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatedServer, load_entries
from simulator.vendors.server import VendorState
from simulator.vendors.voice import find_words, words
from tests.media.providers.vendors.cartesia_servers import DEADLINES, CartesiaCall

SENTENCES: Final = ("Good morning, ", "you have reached the dentist. ", "How can I help?")
TEXT: Final = "".join(SENTENCES)
# By the provider's name: its vendor and how a plan names it.
VOICES: Final[dict[str, tuple[str, SimulatedProvider]]] = {
    provider.name: (vendor, provider)
    for vendor, entry in load_entries().items()
    for provider in entry.providers
    if provider.role == "tts"
}
_ADAPTERS: Final = {vendor.name: vendor for vendor in VENDORS}


@dataclass(frozen=True, slots=True)
class VoiceCall:
    """A call that uses voice `a`, and voice `b` if `a` fails.

    vendor: the name of both voices' vendor. options: the vendor's options without address and key.
    """

    vendor: str
    options: dict[str, Any]
    a: SimulatedServer
    b: SimulatedServer
    call: CartesiaCall

    def make_bare_voice(self) -> TextToSpeech:
        """Return voice `a` without the chain that replaces it."""
        adapter = _ADAPTERS[self.vendor].tts
        assert adapter is not None
        options = msgspec.convert(self.call.plan["tts"][0]["options"], adapter.options)
        voice: TextToSpeech = adapter.make(ProviderSetup("a", options, self.call.factory._resources))
        return voice

    def billed(self, name: str) -> float:
        """Return the characters that the simulated account `a` or `b` billed."""
        state: VendorState = {"a": self.a, "b": self.b}[name].state
        return state.total("tts", "characters")


@asynccontextmanager
async def running_voice_call(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[VoiceCall]:
    """Run two accounts of a provider's vendor; yield a call that speaks with them."""
    vendor, provider = VOICES[name]
    entry = load_entries()[vendor]
    certificate = make_certificate(folder)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    setting = ServerSetting(first_audio_ms=10, speed=100, most_at_once=5)
    account = entry.accounts[provider.account] if provider.account else entry.account
    plan: dict[str, Any] = {"agent": {}, **{key: [{"provider": "standin"}] for key in ("stt", "llm")}, "tts": []}
    async with AsyncExitStack() as running:
        servers: dict[str, SimulatedServer] = {}
        for label in ("a", "b"):
            server = servers[label] = account.make(entry.make_state(), setting)
            address = await running.enter_async_context(entry.run(server, certificate, 0, False))
            url = f"{entry.scheme}://{address}{account.path}"
            options = {**provider.options, "base_url": url, "api_key": server.state.key}
            plan["tts"].append({"provider": label, "vendor": vendor, "options": options})
        http = await running.enter_async_context(aiohttp.ClientSession())
        factory = ProviderFactory(VENDORS, http, deadlines=DEADLINES)
        try:
            call = CartesiaCall(factory, plan)
            yield VoiceCall(vendor, dict(provider.options), servers["a"], servers["b"], call)
        finally:
            await factory.close()


async def say(*pieces: str) -> AsyncIterator[str]:
    """Yield the pieces as a language model does."""
    for piece in pieces:
        yield piece
        await asyncio.sleep(0)


async def speak(providers: Providers, text: AsyncIterator[str], language: str = "en-GB") -> list[SpeechChunk]:
    """Speak the text through the chain of the call."""
    async with asyncio.timeout(30):
        return [chunk async for chunk in providers.tts.stream(text, language)]


def heard(chunks: list[SpeechChunk], text: str = TEXT) -> list[str]:
    """Return the words in the audio. A word that was cut and is said again counts once."""
    samples = decode(b"".join(chunk.audio for chunk in chunks))
    found = [word.text for word in find_words(samples, words(text))]
    assert len(found) <= len(words(text)) + 1
    return [word for word, _ in itertools.groupby(found)]


async def wait_for(is_true: Callable[[], bool], tick: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
    """Wait at most 30 s until the condition holds."""
    async with asyncio.timeout(30):
        while not is_true():
            await tick(0.01)
