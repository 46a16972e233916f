"""People listen to running calls over a socket of the node, with a token that works once."""

import asyncio
import json
import struct
from itertools import pairwise
from typing import Any

from aiohttp import ClientWebSocketResponse, WSMsgType

from shared.events import CallEnded, CallStarted, SupervisionBegan, SupervisionEnded
from shared.plan import CallPlan
from tests.media.server.phone import WAIT_LIMIT_S
from tests.platform.bus_node import BusNode, wait_until

HEADER = struct.Struct("<IBxH")
CALLER = bytes(160 * [0x10])


async def receive_until(
    socket: ClientWebSocketResponse, event: str
) -> tuple[list[dict[str, Any]], list[tuple[int, int, bytes, bytes]]]:
    """Text messages up to that event, and audio up to it: time, flags, caller, agent."""
    texts: list[dict[str, Any]] = []
    audio: list[tuple[int, int, bytes, bytes]] = []
    async with asyncio.timeout(WAIT_LIMIT_S):
        while True:
            message = await socket.receive()
            if message.type is WSMsgType.TEXT:
                texts.append(json.loads(message.data))
                if texts[-1]["event"] == event:
                    return texts, audio
            elif message.type is WSMsgType.BINARY:
                at_ms, flags, samples = HEADER.unpack_from(message.data)
                assert len(message.data) == HEADER.size + 2 * samples
                sides = message.data[HEADER.size :]
                audio.append((at_ms, flags, sides[:samples], sides[samples:]))
                if event == "audio" and CALLER[:8] in sides[:samples]:
                    return texts, audio
            else:
                assert event == "closed", message
                return texts, audio


async def close_reason(socket: ClientWebSocketResponse) -> tuple[int | None, str]:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
    return socket.close_code, message.extra or ""


async def test_listener_hears_the_call_until_it_ends(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        socket = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
        texts, _ = await receive_until(socket, "consent")
        assert bus_node.metric("vocalized_media_listeners") == 1
    await phone.speak(CALLER * 20)
    async with phone.sending_silence():
        _, audio = await receive_until(socket, "audio")
        await phone.hang_up()
        assert await close_reason(socket) == (1000, "call_ended")
    began, consent = texts
    assert began["event"] == "began" and began["rights"] == ["listen"] and began["call_id"] == plan.call_id
    assert began["format"] == {"encoding": "mulaw", "sample_rate": 8000, "channels": ["caller", "agent"]}
    assert consent["consent"] == "given" and consent["is_paused"] is False
    for (at_ms, _, caller, _), (next_ms, *_) in pairwise(audio):
        assert abs(at_ms + len(caller) / 8 - next_ms) <= 1
    await bus_node.wait_for_event(CallEnded)
    events = await bus_node.events()
    (start,) = (event for event in events if isinstance(event, SupervisionBegan))
    (end,) = (event for event in events if isinstance(event, SupervisionEnded))
    assert (start.session_id, start.mode) == ("session-1", "listen")
    assert end.reason == "call_ended" and end.heard_ms > 0
    assert events.index(end) < next(at for at, event in enumerate(events) if isinstance(event, CallEnded))
    assert bus_node.metric("vocalized_media_listeners") == 0


async def test_token_works_once_and_only_for_a_running_call(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id)
        socket = await bus_node.listen(token)
        await receive_until(socket, "began")
        assert await close_reason(await bus_node.listen(token)) == (1008, "ticket_unknown")
        other_node = await bus_node.supervision_token(plan.call_id, node_id="node-2")
        assert await close_reason(await bus_node.listen(other_node)) == (1008, "ticket_other_call")
        other_call = await bus_node.supervision_token("00000000-0000-7000-8000-000000000000")
        assert await close_reason(await bus_node.listen(other_call)) == (1008, "call_not_live")
        without_right = await bus_node.supervision_token(plan.call_id, rights=("whistle",))
        assert await close_reason(await bus_node.listen(without_right)) == (1008, "not_granted")
        await socket.close()
        ended = await bus_node.wait_for_event(SupervisionEnded)
        assert ended.reason == "left"


async def test_listeners_token_carries_no_call(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id)
        stranger = await bus_node.dial_with_token(token, "/media/twilio", call="node-1")
        await stranger.wait_for("closed")
        socket = await bus_node.listen(token)
        await receive_until(socket, "began")
        await socket.close()


async def test_requests_of_a_listener_are_refused(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        socket = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
        await socket.send_str('{"event":"speak"}')
        texts, _ = await receive_until(socket, "error")
        assert texts[-1] == {"event": "error", "code": "not_granted"}
        await socket.send_bytes(CALLER)
        assert (await close_reason(socket))[0] == 1003
        assert phone.close_code is None


async def test_several_people_listen_to_one_call(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        sockets = [await bus_node.listen(await bus_node.supervision_token(plan.call_id)) for _ in range(3)]
        for socket in sockets:
            await receive_until(socket, "began")

        async def all_listen() -> bool:
            return bus_node.metric("vocalized_media_listeners") == 3

        await wait_until(all_listen)
    await phone.hang_up()
    for socket in sockets:
        assert await close_reason(socket) == (1000, "call_ended")
