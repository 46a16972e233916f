"""A person speaks to the caller, with simulated vendors: a Deepgram hears both, an OpenAI reads what was said."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types
from aiohttp import ClientWebSocketResponse

from media.audio import mulaw
from shared.events import (
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    LineTaken,
    PersonSaid,
    ProviderFailed,
    UsageRecorded,
)
from shared.plan import CallPlan
from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault
from simulator.vendors.known_speech import Ear, KnownSpeech, spread_words
from simulator.vendors.server import running_vendor
from tests.media.server.bus.conftest import call_plan
from tests.media.server.bus.test_supervision import SPEAKER, ask, receive_until
from tests.media.server.conftest import PLAN, SAMPLE
from tests.platform.bus_node import BusNode, wait_until
from tests.simulator.vendors.deepgram_clients import QUICK, running_deepgram
from vendors.deepgram.simulator import SimulatedDeepgram
from vendors.openai.simulator import ChatVendor

BY_PERSON, BY_CALLER = "and so my fellow americans", "what your country can do"


@pytest.fixture(scope="module")
def caller_speech() -> bytes:
    """2 s of the same voice with other words."""
    samples, rate = soundfile.read(SAMPLE, dtype="float32", always_2d=True)
    clip = samples[int(5.4 * rate) : int(7.4 * rate)].mean(axis=1)
    narrow = soxr.resample(clip, rate, 8_000) * 32_767
    return mulaw.encode(narrow.astype("<i2").tobytes())


@pytest.fixture
async def deepgram(speech: bytes, caller_speech: bytes) -> SimulatedDeepgram:
    person, caller = spread_words(speech, BY_PERSON, 100, 1_700), spread_words(caller_speech, BY_CALLER, 100, 1_900)
    return SimulatedDeepgram(make_ear=lambda: Ear(KnownSpeech([person, caller])), listen_timing=QUICK)


@pytest.fixture
def model() -> ChatVendor:
    return ChatVendor()


@pytest.fixture
async def plan(
    deepgram: SimulatedDeepgram, model: ChatVendor, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[CallPlan]:
    certificate = make_certificate(tmp_path)
    async with (
        running_deepgram(deepgram, certificate, monkeypatch) as hearing,
        running_vendor(model.routes(), certificate) as answering,
    ):
        listen = {"model": "nova-3", "api_key": deepgram.state.key, "base_url": f"https://{hearing}"}
        answer = {"model": "gpt-4.1-mini", "api_key": model.state.key, "base_url": f"https://{answering}/v1"}
        chosen: dict[str, Any] = {
            **json.loads(PLAN),
            "stt": [{"provider": "deepgram", "options": listen}],
            "llm": [{"provider": "openai", "options": answer}],
        }
        yield call_plan(json.dumps(chosen).encode())


async def speak_in_time(listener: ClientWebSocketResponse, ulaw: bytes) -> None:
    """As a browser: a piece each 20 ms."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    for number, at in enumerate(range(0, len(ulaw), 160)):
        await asyncio.sleep(max(0.0, began + 0.02 * number - loop.time()))
        await listener.send_bytes(ulaw[at : at + 160])


async def person_said(node: BusNode) -> PersonSaid:
    return await node.wait_for_event(PersonSaid)


async def test_words_reach_events_usage_and_the_model(
    plan: CallPlan,  # before the node, which trusts the vendors' certificate
    bus_node: BusNode,
    deepgram: SimulatedDeepgram,
    model: ChatVendor,
    speech: bytes,
    caller_speech: bytes,
) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(listener, "began")
        await ask(listener, "speak")
        await speak_in_time(listener, speech)
        said = await person_said(bus_node)
        taken = await bus_node.wait_for_event(LineTaken)
    await phone.speak(caller_speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
        assert not model.chat_bodies
        await ask(listener, "stop")
        await bus_node.wait_for_event(AgentSaid)
    await phone.hang_up()
    await bus_node.wait_for_event(CallEnded)
    assert (said.text, said.session_id) == (BY_PERSON, "session-1")
    assert taken.at_ms <= said.start_ms < said.end_ms
    assert len(said.word_ms) == 2 * len(BY_PERSON.split())
    contents = [message["content"] for message in model.chat_bodies[0]["messages"][1:]]
    assert contents == [f"[A supervisor said to the caller: {BY_PERSON}]", BY_CALLER]
    events = await bus_node.events()
    metered = sum(event.quantity for event in events if isinstance(event, UsageRecorded) and event.unit == "ms")
    assert metered == round(deepgram.state.total("stt", "ms"))
    assert deepgram.state.opened["stt"] == 2


async def test_call_goes_on_when_the_persons_words_cannot_be_recognized(
    plan: CallPlan,  # before the node, which trusts the vendors' certificate
    bus_node: BusNode,
    deepgram: SimulatedDeepgram,
    model: ChatVendor,
    speech: bytes,
    caller_speech: bytes,
) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)

        async def is_heard() -> bool:
            return deepgram.state.opened["stt"] == 1

        await wait_until(is_heard)
        deepgram.state.faults.keep("stt", Fault("unauthorized"))
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(listener, "began")
        await ask(listener, "speak")
        await speak_in_time(listener, speech)
        said = await person_said(bus_node)
        await ask(listener, "stop")
    await phone.speak(caller_speech)
    async with phone.sending_silence():
        caller_said = await bus_node.wait_for_event(CallerSaid)
        await bus_node.wait_for_event(AgentSaid)
    assert (await bus_node.wait_for_event(ProviderFailed)).kind == "stt"
    assert (said.text, caller_said.text) == ("", BY_CALLER)
    contents = [message["content"] for message in model.chat_bodies[0]["messages"][1:]]
    assert contents == ["[A supervisor spoke with the caller here.]", BY_CALLER]
    await phone.hang_up()
