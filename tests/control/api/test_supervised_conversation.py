"""A person supervises a running call through the API: what the person hears, and what the agent's model reads of it."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, web

from control.calls.events.service import parse_event, write_events
from media.audio import mulaw
from shared.bus.client import bus_client
from shared.events import AgentSaid, CallEnded, CallerSaid, LineReturned
from shared.plan import ProviderPlan
from tests.control.api.call_workspace import CallWorkspace, make_call_workspace
from tests.control.api.test_supervision import dialed_call
from tests.control.calls.consumed_events import encoded_event
from tests.media.server.bus.test_supervision import HEADER, ask, receive_until
from tests.media.server.conftest import speech as speech  # a fixture
from tests.media.server.phone import WAIT_LIMIT_S, Phone
from tests.platform.api import Api, running_api
from tests.platform.bus_node import BusNode, wait_until
from vocalized.caller.local_speech import load_recognizer
from vocalized.demo.readback import utterances, words_of

FRAME_BYTES, FRAME_S = 160, 0.02
PERSON = bytes(800 * [0x20])  # 100 ms of a voice
NOTE = "Offer the caller Friday."
SAID = "We will call you back at noon."


@pytest.fixture
async def api(database_url: str, valkey_url: str) -> AsyncIterator[Api]:
    """On an empty Valkey."""
    redis = bus_client(valkey_url, 5.0)
    await redis.flushall()
    await redis.aclose()
    async with running_api(database_url, valkey_url) as running:
        yield running


@pytest.fixture
async def workspace(api: Api) -> CallWorkspace:
    return await make_call_workspace(api)


@asynccontextmanager
async def recording_model() -> AsyncIterator[tuple[ProviderPlan, list[dict[str, Any]]]]:
    """A server of chat completions, and the bodies of the requests that it got."""
    bodies: list[dict[str, Any]] = []

    async def complete(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        delta = {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Certainly."}}]}
        end = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        for event in (delta, end):
            await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    options = {"base_url": f"http://127.0.0.1:{runner.addresses[0][1]}/v1", "api_key": "a key", "model": "gpt-4.1"}
    try:
        yield ProviderPlan("openai", options), bodies
    finally:
        await runner.cleanup()


async def listen(workspace: CallWorkspace, node: BusNode, call_id: str, mode: str) -> ClientWebSocketResponse:
    opened = await workspace.ann.post(f"{workspace.calls_path}/{call_id}/supervision", {"mode": mode})
    assert opened.status == 201, opened.body
    listener = await node.listen(opened.body["token"])
    await receive_until(listener, "began")
    return listener


async def speak_in_real_time(phone: Phone, ulaw: bytes) -> None:
    """A listener misses what comes faster."""
    loop = asyncio.get_running_loop()
    due = loop.time()
    for at in range(0, len(ulaw), FRAME_BYTES):
        await phone.speak(ulaw[at : at + FRAME_BYTES])
        due += FRAME_S
        await asyncio.sleep(max(0.0, due - loop.time()))


async def hear_caller(listener: ClientWebSocketResponse) -> bytes:
    """The caller's side until the socket is closed."""
    heard = bytearray()
    async with asyncio.timeout(WAIT_LIMIT_S):
        while (message := await listener.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            if message.type is WSMsgType.BINARY:
                samples = HEADER.unpack_from(message.data)[2]
                heard += message.data[HEADER.size : HEADER.size + samples]
    return bytes(heard)


@pytest.mark.speech
async def test_listener_hears_the_words_of_the_caller(
    workspace: CallWorkspace, valkey_url: str, tmp_path: Path, speech: bytes
) -> None:
    recognize = load_recognizer()
    async with dialed_call(workspace, tmp_path, valkey_url) as (call_id, node, phone):
        async with phone.sending_silence():
            await wait_until(lambda: node.live_call(call_id))
            listener = await listen(workspace, node, call_id, "listen")
        hearing = asyncio.create_task(hear_caller(listener))
        await speak_in_real_time(phone, speech + b"\xff" * 8_000)
        await phone.hang_up()
        samples = np.frombuffer(mulaw.decode(await hearing), dtype="<i2").astype(np.int16)
    heard = words_of(" ".join(recognize(piece.astype("<i2").tobytes()) for piece in utterances(samples)))
    assert {"so", "my", "fellow"} <= set(heard)


async def test_model_reads_what_the_supervisor_did(
    workspace: CallWorkspace, api: Api, valkey_url: str, tmp_path: Path, speech: bytes
) -> None:
    viewer = await api.member(workspace.workspace_id, "viewer")
    async with (
        recording_model() as (model, bodies),
        dialed_call(workspace, tmp_path, valkey_url, llm=[model]) as (call_id, node, phone),
    ):
        path = f"{workspace.calls_path}/{call_id}"
        async with phone.sending_silence():
            await wait_until(lambda: node.live_call(call_id))
            for route in ("supervision", "say"):
                body = {"mode": "speak"} if route == "supervision" else {"text": SAID}
                assert (await viewer.post(f"{path}/{route}", body)).status == 403
            person = await listen(workspace, node, call_id, "speak")
            await person.send_str(json.dumps({"event": "whisper", "text": NOTE}))
            await receive_until(person, "done")
            assert (await ask(person, "speak"))["speaking"] is True
            await person.send_bytes(PERSON)
            assert (await workspace.ann.post(f"{path}/say", {"text": SAID})).status == 200
            assert (await ask(person, "stop"))["speaking"] is False
            assert (await node.wait_for_event(LineReturned)).spoken_ms == 100
            assert (await node.wait_for_event(AgentSaid)).text == SAID
        await phone.speak(speech)
        async with phone.sending_silence():
            await node.wait_for_event(CallerSaid)

            async def is_asked() -> bool:
                return bool(bodies)

            await wait_until(is_asked)
            await person.close()
            await phone.hang_up()
        await node.wait_for_event(CallEnded)
        events = await node.events()
    messages = bodies[0]["messages"]
    assert {"role": "assistant", "content": SAID} in [
        {name: message[name] for name in ("role", "content")} for message in messages
    ]
    asides = " ".join(str(message["content"]) for message in messages)
    assert NOTE in asides and "supervisor" in asides.lower()
    assert not any(NOTE in getattr(event, "text", "") for event in events if isinstance(event, AgentSaid))
    lines = [encoded_event(call_id, seq, event) for seq, event in enumerate(events, 1)]
    async with api.owner.transaction():
        await write_events(api.owner, [parse_event(str(seq), line) for seq, line in enumerate(lines, 1)])
    names = ("began", "whispered", "speaking", "spoke", "ended")
    actions = {"call.supervise", "call.say", *(f"call.supervision_{name}" for name in names)}
    assert actions <= set(await workspace.audit_actions(call_id))
