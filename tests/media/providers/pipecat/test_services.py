"""Services of pipecat behind the ports, in a real engine process, against simulated vendors over real sockets."""

import asyncio
import os
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import msgspec
import pytest
import pytest_asyncio

from media.audio import mulaw
from media.command import VENDORS
from media.providers.chain.deadlines import Deadlines
from media.providers.factory import ProviderFactory, Providers
from media.providers.pipecat.process import PipecatProcess
from media.providers.ports import (
    ChatRequest,
    LanguageModelEvent,
    Message,
    RecognizedText,
    SpeechToTextEvent,
    SpeechToTextFailed,
    SpeechToTextSession,
    TextDelta,
    ToolCall,
    ToolSpec,
)
from shared.events import ProviderFailed, UsageRecorded
from shared.plan import decode_plan
from simulator.vendors.chat_reply import ChatReply, ToolUse
from simulator.vendors.faults import Fault, FaultKind, Role
from simulator.vendors.known_speech import KnownRecording, KnownWord
from simulator.vendors.voice import speak, word_times
from tests.media.providers.pipecat.simulated import GREETING, KEY, PipecatVendors, running_vendors

FIRST, SECOND = "tuesday morning would suit me", "and please bring the invoice"
SAID = f"{FIRST} {SECOND}"
RECORDING = KnownRecording(
    speak(SAID), tuple(KnownWord(word.text, word.start_ms, word.end_ms) for word in word_times(SAID))
)
REQUEST = ChatRequest("Be kind.", [Message("user", "Hello.")])
pytestmark = pytest.mark.asyncio(loop_scope="module")
ROLES: tuple[Role, ...] = ("stt", "llm", "tts")
STANDIN = {"provider": "standin", "options": {"final_ms": 10, "text": "from the backup"}}
DEADLINES = Deadlines(open_s=20.0, first_token_s=20.0, audio_s=20.0)


@dataclass
class Platform:
    """What a call has: the vendors, the providers of a plan, and what they report."""

    vendors: PipecatVendors
    factory: ProviderFactory
    failed: list[ProviderFailed] = field(default_factory=list)
    used: list[UsageRecorded] = field(default_factory=list)

    def build(self, **chains: list[dict[str, Any]]) -> Providers:
        """Raises PlanError."""
        standin = [{"provider": "standin"}]
        plan = {"agent": {}, **dict.fromkeys(("stt", "llm", "tts"), standin), **chains}
        return self.factory.build(decode_plan(msgspec.json.encode(plan)), self.failed.append, self.used.append)

    @property
    def process(self) -> PipecatProcess:
        """The engine process."""
        return self.factory._resources.share(PipecatProcess, PipecatProcess)

    def metered(self, unit: str) -> int:
        """What was metered of a unit."""
        sums: Counter[str] = Counter()
        for event in self.used:
            sums[event.unit] += event.quantity
        return sums[unit]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[tuple[PipecatVendors, ProviderFactory]]:
    """The vendors and the engine process, which takes a second to start."""
    async with running_vendors(RECORDING) as vendors, aiohttp.ClientSession() as http:
        factory = ProviderFactory(VENDORS, http, deadlines=DEADLINES)
        try:
            yield vendors, factory
        finally:
            await factory.close()


@pytest.fixture
def platform(shared: tuple[PipecatVendors, ProviderFactory]) -> Platform:
    vendors, factory = shared
    model = vendors.responses
    model.reply, model.token_s, model.cached_tokens = (lambda body: ChatReply(GREETING)), 0.0, 0
    model.bodies.clear()
    for state in (vendors.soniox.state, model.state, vendors.rime.state):
        state.billed.clear()
        for role in ROLES:
            state.opened[role] = 0
            state.faults.clear(role)
    return Platform(vendors, factory)


async def wait_until(is_done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not is_done():  # noqa: ASYNC110  # another process does it
            await asyncio.sleep(0.01)


async def say(session: SpeechToTextSession, audio: bytes) -> None:
    """Many times faster than real time, with 200 ms of silence after it."""
    session.started()
    audio += mulaw.SILENCE * 1_600
    for at in range(0, len(audio), 160):
        session.push(audio[at : at + 160])
        await asyncio.sleep(0.001)


async def wait_for_final(events: list[SpeechToTextEvent], token: int) -> str:
    async with asyncio.timeout(20):
        while True:
            for event in events:
                assert not isinstance(event, SpeechToTextFailed), event.error
                if isinstance(event, RecognizedText) and event.token == token:
                    return event.text
            await asyncio.sleep(0.005)


async def test_a_recognizer_hears_turns(platform: Platform) -> None:
    events: list[SpeechToTextEvent] = []
    providers = platform.build(stt=[platform.vendors.provider("stt")])
    session = await providers.stt.open("en", events.append)
    cut = len(speak(FIRST))
    await say(session, RECORDING.ulaw[:cut])
    session.finalize(1)
    assert await wait_for_final(events, 1) == FIRST
    await say(session, RECORDING.ulaw[cut:])  # the caller goes on in the same turn
    session.finalize(2)
    assert await wait_for_final(events, 2) == SAID
    session.next_turn()
    await say(session, RECORDING.ulaw[cut:])
    session.finalize(3)
    assert await wait_for_final(events, 3) == SECOND
    await session.close()
    interim = [event.text for event in events if isinstance(event, RecognizedText) and not event.final]
    assert FIRST.split()[0] in interim
    assert platform.failed == []
    await wait_until(lambda: platform.vendors.soniox.state.billed != [])  # the vendor sees the end
    billed = platform.vendors.soniox.state.total("stt", "ms")
    assert platform.metered("ms") == pytest.approx(billed, abs=60)


async def read_reply(providers: Providers, request: ChatRequest = REQUEST) -> list[LanguageModelEvent]:
    async with asyncio.timeout(20):
        return [event async for event in providers.llm.stream(request)]


async def test_a_model_streams_text_tools_and_usage(platform: Platform) -> None:
    tool = ToolSpec("look_up", "Looks it up.", {"type": "object", "properties": {"name": {"type": "string"}}})
    request = ChatRequest("Be kind.", [Message("user", "Who is there?")], [tool])
    reply = ChatReply(GREETING, (ToolUse("look_up", '{"name": "Ann"}'),))
    platform.vendors.responses.reply = lambda body: reply
    platform.vendors.responses.cached_tokens = 4
    providers = platform.build(llm=[platform.vendors.provider("llm")])
    for _ in range(2):  # the second reply uses the same session
        events = await read_reply(providers, request)
        texts = [event.text for event in events if isinstance(event, TextDelta)]
        assert "".join(texts) == GREETING and len(texts) == len(GREETING.split())
        (call,) = [event for event in events if isinstance(event, ToolCall)]
        assert (call.id, call.name, msgspec.json.decode(call.arguments)) == ("call_1", "look_up", {"name": "Ann"})
    (body, _) = platform.vendors.responses.bodies
    assert body["tools"][0]["name"] == "look_up" and "Be kind." in str(body)
    state = platform.vendors.responses.state
    for unit in ("prompt_tokens", "cached_tokens", "completion_tokens"):
        assert platform.metered(unit) == state.total("llm", unit) > 0
    assert platform.failed == []
    await check_that_giving_up_cancels(platform, providers)


async def check_that_giving_up_cancels(platform: Platform, providers: Providers) -> None:
    """The vendor computes no more when nobody wants the rest of a reply."""
    vendor = platform.vendors.responses
    vendor.token_s, vendor.reply = 0.01, lambda body: ChatReply("word " * 2_000)
    vendor.state.billed.clear()
    stream = providers.llm.stream(REQUEST)
    async with asyncio.timeout(20):
        assert isinstance(await anext(stream), TextDelta)
    await stream.aclose()  # type: ignore[attr-defined]  # an async generator
    await wait_until(lambda: vendor.state.billed != [])  # at the request's end
    assert vendor.state.total("llm", "completion_tokens") < 1_000


async def clauses(*texts: str) -> AsyncIterator[str]:
    for text in texts:
        yield text


async def hear(providers: Providers, *texts: str) -> bytes:
    """The audio of an utterance, as 16-bit samples: mu-law has two zeros."""
    async with asyncio.timeout(20):
        audio = [chunk.audio async for chunk in providers.tts.stream(clauses(*texts), "en")]
    return mulaw.decode(b"".join(audio))


async def test_a_voice_speaks_each_clause(platform: Platform) -> None:
    texts = ("Good morning,", "what can I do for you?", "...")
    providers = platform.build(tts=[platform.vendors.provider("tts")])
    for _ in range(2):  # the second utterance uses the same session
        assert await hear(providers, *texts) == mulaw.decode(speak(" ".join(texts)))
    assert platform.vendors.rime.state.opened["tts"] == 1
    assert platform.metered("characters") == 2 * len("".join(texts))
    # at the rate that services usually have
    providers = platform.build(tts=[platform.vendors.provider("tts", sample_rate=24_000)])
    assert abs(len(await hear(providers, *texts)) - 2 * len(speak(" ".join(texts)))) <= 320
    assert platform.failed == []


async def test_a_model_that_fails_is_replaced(platform: Platform) -> None:
    kinds: tuple[FaultKind, ...] = ("refuse", "unauthorized", "rate_limited", "no_credit", "error", "cut")
    backup = {"provider": "standin", "options": {"text": "from the backup", "token_ms": 1}}
    for kind in kinds:
        platform.vendors.responses.state.faults.keep("llm", Fault(kind))
        provider = {**platform.vendors.provider("llm"), "provider": kind}
        events = await read_reply(platform.build(llm=[provider, backup]))
        assert "".join(event.text for event in events if isinstance(event, TextDelta)) == "from the backup"
    failed = {one.provider: one for one in platform.failed}
    assert set(failed) == set(kinds) and KEY not in str(platform.failed)
    assert all("HTTP 429" in failed[kind].reason for kind in ("rate_limited", "no_credit"))


async def test_a_recognizer_and_a_voice_that_fail_are_replaced(
    platform: Platform, capfd: pytest.CaptureFixture[str]
) -> None:
    kinds: tuple[FaultKind, ...] = ("refuse", "unauthorized", "error", "cut")
    backup = {"provider": "standin", "options": {"audio_ms": 400}}
    vendors = platform.vendors
    platform.factory = ProviderFactory(VENDORS, platform.factory._resources.http, deadlines=DEADLINES)
    for kind in kinds:
        events: list[SpeechToTextEvent] = []
        vendors.soniox.state.faults.keep("stt", Fault(kind))
        vendors.rime.state.faults.keep("tts", Fault(kind))
        stt, tts = ({**vendors.provider(one), "provider": f"{one}-{kind}"} for one in ("stt", "tts"))
        providers = platform.build(stt=[stt, STANDIN], tts=[tts, backup])
        session = await providers.stt.open("en", events.append)
        await say(session, RECORDING.ulaw)
        session.finalize(1)
        assert await wait_for_final(events, 1) == "from the backup"
        assert await hear(providers, "Good morning")
        await session.close()
    pid = platform.process.pid
    assert pid is not None
    await platform.factory.close()
    with pytest.raises(ProcessLookupError):  # it ended with the factory
        os.kill(pid, 0)
    assert {one.provider for one in platform.failed} == {f"{one}-{kind}" for one in ("stt", "tts") for kind in kinds}
    logged = "".join(capfd.readouterr())  # the engine's, too: it was started in this test
    assert "pipecat_service.refused" in logged
    assert not [secret for secret in (KEY, "tuesday", "Good morning") if secret in logged + str(platform.failed)]
