"""A vendor of each role that falls silent, over TLS, with the deadlines of production and the vendors' own figures."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aiohttp
import msgspec
import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory, Providers
from media.providers.ports import ChatRequest, Message, RecognizedText, TextDelta
from media.providers.warm_http import make_connector
from shared.events import ProviderFailed
from shared.plan import decode_plan
from simulator.carrier.mulaw import decode
from simulator.vendors.certificate import ServerCertificate, make_certificate
from simulator.vendors.chat_reply import ChatReply
from simulator.vendors.faults import Fault
from simulator.vendors.server import running_vendor
from simulator.vendors.voice import find_words, words
from tests.simulator.vendors.deepgram_clients import frames, make_deepgram, running_deepgram
from vendors.deepgram import media as deepgram_media
from vendors.deepgram.simulator import SimulatedDeepgram, SpeakTiming
from vendors.openai import media as openai_media
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vendors.standin import media as standin_media

TEXT = "The kitchen closes early, so please arrive before seven."
CLAUSES = ("The kitchen closes early, ", "so please arrive before seven.")
# Of a provider that has no other beside it: longer than with one, so a slow machine does not reach them.
ALONE = Deadlines()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> ServerCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("tls")))


@dataclass
class Platform:
    """Two simulated vendors of speech and two of language, and one call's chains over them."""

    deepgrams: list[SimulatedDeepgram]
    chats: list[ChatVendor]
    providers: Providers
    failed: list[ProviderFailed]

    def the_failure(self) -> ProviderFailed:
        (failed,) = self.failed
        return failed


@pytest.fixture
async def platform(certificate: ServerCertificate, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Platform]:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    deepgrams = [make_deepgram(TEXT), make_deepgram(TEXT)]
    chats = [ChatVendor("groq", reply=_continue, token_s=0.02), ChatVendor("groq", reply=_continue)]
    failed: list[ProviderFailed] = []
    async with AsyncExitStack() as stack:
        addresses = [
            await stack.enter_async_context(running_deepgram(deepgram, certificate, monkeypatch))
            for deepgram in deepgrams
        ]
        origins = [
            f"https://{await stack.enter_async_context(running_vendor(chat.routes(), certificate, cancels=True))}"
            for chat in chats
        ]
        http = await stack.enter_async_context(aiohttp.ClientSession(connector=make_connector()))
        factory = ProviderFactory([deepgram_media.VENDOR, openai_media.VENDOR, standin_media.VENDOR], http)
        stack.push_async_callback(factory.close)
        plan = {
            "agent": {},
            "stt": [_speech(one, at, model="nova-3") for one, at in zip(deepgrams, addresses, strict=True)],
            "llm": [_chat(one, at) for one, at in zip(chats, origins, strict=True)],
            "tts": [_speech(one, at) for one, at in zip(deepgrams, addresses, strict=True)],
        }
        providers = factory.build(decode_plan(msgspec.json.encode(plan)), failed.append, lambda usage: None)
        yield Platform(deepgrams, chats, providers, failed)


def _continue(body: Any) -> ChatReply:
    said = [message["content"] for message in body["messages"] if message["role"] == "assistant"]
    return ChatReply(TEXT.removeprefix(said[-1]) if said else TEXT)


def _speech(vendor: SimulatedDeepgram, address: str, **options: object) -> dict[str, Any]:
    options = {"api_key": vendor.state.key, "base_url": f"https://{address}", **options}
    return {"provider": address, "vendor": "deepgram", "options": options}


def _chat(vendor: ChatVendor, origin: str) -> dict[str, Any]:
    options = {
        "model": "tiny",
        "base_url": origin + BASE_PATHS["groq"],
        "api_key": vendor.state.key,
        "dialect": "groq",
    }
    return {"provider": origin, "vendor": "openai", "options": options}


async def _clauses() -> AsyncIterator[str]:
    for clause in CLAUSES:
        yield clause


def _now() -> float:
    return asyncio.get_running_loop().time()


@pytest.mark.parametrize("after_units", [0, 3])
async def test_a_voice_that_stalls(platform: Platform, after_units: int) -> None:
    for vendor in platform.deepgrams:
        vendor.speak_timing = SpeakTiming(first_s=0.05, speed=20)
    platform.deepgrams[0].state.faults.queue("tts", Fault("stall", after_units))
    played_until, silence_s, audio = _now(), 0.0, b""
    async for chunk in platform.providers.tts.stream(_clauses(), "en"):
        if chunk.audio:
            silence_s = max(silence_s, _now() - played_until)
            played_until = max(played_until, _now()) + len(chunk.audio) / 8_000
            audio += chunk.audio
    assert silence_s < ALONE.audio_s
    heard = [spoken.text for spoken in find_words(decode(audio), words(TEXT))]
    # Aura times no words: the one that was cut may be heard twice.
    assert [word for at, word in enumerate(heard) if heard[at - 1 : at] != [word]] == words(TEXT)
    assert len(heard) <= len(words(TEXT)) + (after_units > 0)
    failed = platform.the_failure()
    assert (failed.stage, failed.cause) == (("stream", "stalled") if after_units else ("first_unit", "late"))


async def test_a_recognizer_that_stalls(platform: Platform) -> None:
    platform.deepgrams[0].state.faults.queue("stt", Fault("stall"))
    answered: asyncio.Future[str] = asyncio.get_running_loop().create_future()

    def take(event: object) -> None:
        if isinstance(event, RecognizedText) and event.token == 1:
            answered.set_result(event.text)

    session = await platform.providers.stt.open("en", take)
    session.started()
    for frame in frames(TEXT, silence_ms=200):
        session.push(frame)
    began = _now()
    session.finalize(1)
    async with asyncio.timeout(30):
        assert (await answered).split() == words(TEXT)
    assert _now() - began < ALONE.transcript_s
    await session.close()
    failed = platform.the_failure()
    assert (failed.stage, failed.cause) == ("final", "late")
    assert 500 <= failed.cost_ms < ALONE.transcript_s * 1_000


async def test_a_model_that_stalls_in_the_middle(platform: Platform) -> None:
    platform.chats[0].state.faults.queue("llm", Fault("stall", after_units=4))
    began = _now()
    request = ChatRequest("", [Message("user", "When do you close?")])
    events = [event async for event in platform.providers.llm.stream(request)]
    assert _now() - began < ALONE.token_s
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == TEXT
    failed = platform.the_failure()
    assert (failed.stage, failed.cause) == ("stream", "stalled")
    assert 850 <= failed.cost_ms < ALONE.token_s * 1_000
