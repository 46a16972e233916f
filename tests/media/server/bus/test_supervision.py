"""People listen to running calls over a socket of the node, with a token that works once."""

import asyncio
import dataclasses
import json
import socket
import struct
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse, WSMsgType, WSServerHandshakeError

from media.server.bus.rights import RightsPace
from shared.bus.client import PREFIX
from shared.bus.commands import SayText
from shared.bus.tickets import SupervisionGrant
from shared.events import (
    AgentPaused,
    AgentResumed,
    AgentSaid,
    CallEnded,
    CallerSaid,
    CallStarted,
    LineReturned,
    LineTaken,
    SupervisionBegan,
    SupervisionEnded,
    SupervisionWhispered,
)
from shared.plan import CallPlan
from tests.media.server.phone import WAIT_LIMIT_S, Phone
from tests.platform.bus_node import LIMITS, BusNode, running_bus_node, wait_until

HEADER = struct.Struct("<IBxH")
HANDSHAKE = (
    b"GET /media/supervise/%s HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n"
)
CALLER = bytes(160 * [0x10])
# 300 ms that are no other sound of the tests, in pieces of 20 ms.
PERSON = [bytes(160 * [0x20 + piece]) for piece in range(15)]
SPEAKER = ("listen", "whisper", "speak", "pause")


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
                if event == "audio:agent" and PERSON[-1][:8] in sides[samples:]:
                    return texts, audio
                if event == "audio" and CALLER[:8] in sides[:samples]:
                    return texts, audio
            else:
                assert event == "closed", message
                return texts, audio


async def speak_in_time(phone: Phone) -> None:
    """Speaks without end, no faster than real time: a listener misses what comes faster."""
    while True:
        await phone.speak(CALLER)
        await asyncio.sleep(0.02)


async def close_reason(socket: ClientWebSocketResponse) -> tuple[int | None, str]:
    async with asyncio.timeout(WAIT_LIMIT_S):
        while (message := await socket.receive()).type in (WSMsgType.TEXT, WSMsgType.BINARY):
            pass
    return socket.close_code, message.extra or ""


async def test_listener_hears_the_call_until_it_ends(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
        texts, _ = await receive_until(listener, "consent")
        assert bus_node.metric("vocalized_media_listeners") == 1
    speaking = asyncio.create_task(speak_in_time(phone))
    _, audio = await receive_until(listener, "audio")
    speaking.cancel()
    async with phone.sending_silence():
        await phone.hang_up()
        assert await close_reason(listener) == (1000, "call_ended")
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
        listener = await bus_node.listen(token)
        await receive_until(listener, "began")
        assert await close_reason(await bus_node.listen(token)) == (1008, "ticket_unknown")
        other_node = await bus_node.supervision_token(plan.call_id, node_id="node-2")
        assert await close_reason(await bus_node.listen(other_node)) == (1008, "ticket_other_call")
        other_call = await bus_node.supervision_token("00000000-0000-7000-8000-000000000000")
        assert await close_reason(await bus_node.listen(other_call)) == (1008, "call_not_live")
        without_right = await bus_node.supervision_token(plan.call_id, rights=("whistle",))
        assert await close_reason(await bus_node.listen(without_right)) == (1008, "not_granted")
        await listener.close()
        ended = await bus_node.wait_for_event(SupervisionEnded)
        assert ended.reason == "left"


async def test_expired_token_is_refused(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id)
        key = f"{PREFIX}ticket:{token}"
        assert 50 < await bus_node.redis.ttl(key) <= 60
        await bus_node.redis.pexpire(key, 0)
        assert await close_reason(await bus_node.listen(token)) == (1008, "ticket_unknown")


async def test_token_is_in_no_log_line(bus_node: BusNode, plan: CallPlan, capsys: pytest.CaptureFixture[str]) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id)
        listener = await bus_node.listen(token)
        await receive_until(listener, "began")
        await listener.close()
        await bus_node.wait_for_event(SupervisionEnded)
        await close_reason(await bus_node.listen(token))
    assert token not in "".join(capsys.readouterr())


async def test_listeners_token_carries_no_call(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id)
        stranger = await bus_node.dial_with_token(token, "/media/twilio", call="node-1")
        await stranger.wait_for("closed")
        listener = await bus_node.listen(token)
        await receive_until(listener, "began")
        await listener.close()


async def test_note_reaches_the_agent_and_the_events(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        token = await bus_node.supervision_token(plan.call_id, rights=("listen", "whisper"))
        listener = await bus_node.listen(token)
        await receive_until(listener, "began")
        for request, answer in (
            ({"event": "whisper", "text": "Offer Friday.", "id": "1"}, {"event": "done", "id": "1"}),
            ({"event": "whisper", "text": " ", "id": "2"}, {"event": "error", "code": "bad_request", "id": "2"}),
            ({"event": "speak", "id": "3"}, {"event": "error", "code": "not_granted", "id": "3"}),
        ):
            await listener.send_str(json.dumps(request))
            texts, _ = await receive_until(listener, answer["event"])
            assert texts[-1] == answer
        whispered = await bus_node.wait_for_event(SupervisionWhispered)
        assert (whispered.session_id, whispered.text) == ("session-1", "Offer Friday.")


async def test_agent_is_resumed_when_the_person_leaves(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        rights = ("listen", "whisper", "speak", "pause")
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=rights))
        await receive_until(listener, "began")
        for event, is_paused in (("pause", True), ("resume", False), ("pause", True), ("pause", True)):
            await listener.send_str(json.dumps({"event": event}))
            texts, _ = await receive_until(listener, "done")
            (state,) = (text for text in texts if text["event"] == "state")
            assert state["paused"] is is_paused
        await listener.close()
        await bus_node.wait_for_event(SupervisionEnded)
        events = [type(event) for event in await bus_node.events()]
        assert [kind for kind in events if kind in (AgentPaused, AgentResumed)] == [AgentPaused, AgentResumed] * 2


async def ask(listener: ClientWebSocketResponse, event: str) -> dict[str, Any]:
    """Makes a request that is done, and returns the state that it leads to."""
    await listener.send_str(json.dumps({"event": event}))
    texts, _ = await receive_until(listener, "done")
    return [text for text in texts if text["event"] == "state"][-1]


async def wait_for_audio(phone: Phone, audio: bytes) -> None:
    """Waits until the caller has been sent this and nothing else."""

    async def is_there() -> bool:
        return len(phone.audio) >= len(audio)

    await wait_until(is_there)
    assert bytes(phone.audio) == audio


async def test_person_speaks_in_the_agents_place(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(listener, "began")
        await listener.send_bytes(b"".join(PERSON))  # nobody hears it, because the line is not granted yet
        state = await ask(listener, "speak")
        assert (state["speaking"], state["has_person"], state["paused"]) == (True, True, False)
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
        for piece in PERSON:
            await listener.send_bytes(piece)
        await wait_for_audio(phone, b"".join(PERSON))
        await receive_until(listener, "audio:agent")
        assert not any(isinstance(event, AgentSaid) for event in await bus_node.events())
        assert (await ask(listener, "stop"))["speaking"] is False
        await listener.send_bytes(b"".join(PERSON))
        await bus_node.wait_for_event(AgentSaid)
        await listener.close()
        ended = await bus_node.wait_for_event(SupervisionEnded)
        taken, returned = await bus_node.wait_for_event(LineTaken), await bus_node.wait_for_event(LineReturned)
    person, answer = bytes(phone.audio[: 15 * 160]), bytes(phone.audio[15 * 160 :])
    assert person == b"".join(PERSON) and answer and not any(piece in answer for piece in PERSON)
    assert taken.session_id == returned.session_id == "session-1"
    assert returned.spoken_ms == ended.spoken_ms == 300


async def test_lost_socket_gives_the_line_back(bus_node: BusNode, plan: CallPlan, speech: bytes) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        speaker = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(speaker, "began")
        other = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(other, "began")
        await ask(speaker, "speak")
        texts, _ = await receive_until(other, "state")
        assert (texts[-1]["speaking"], texts[-1]["has_person"]) == (False, True)
        await speaker.send_bytes(b"".join(PERSON))
        await wait_for_audio(phone, b"".join(PERSON))
    await phone.speak(speech)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallerSaid)
        await speaker.close()
        await bus_node.wait_for_event(AgentSaid)
        assert (await bus_node.wait_for_event(LineReturned)).spoken_ms == 300
        texts, _ = await receive_until(other, "state")
        assert texts[-1]["has_person"] is False
        assert (await ask(other, "speak"))["speaking"] is True


async def test_heartbeat_reports_who_has_the_floor(bus_node: BusNode, plan: CallPlan) -> None:
    async def has_floor(name: str) -> bool:
        live = await bus_node.live_call(plan.call_id)
        return live is not None and live.floor == name

    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await wait_until(lambda: has_floor("none"))
        speaker = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(speaker, "began")
        await ask(speaker, "speak")
        await wait_until(lambda: has_floor("person"))
        await ask(speaker, "stop")
        await wait_until(lambda: has_floor("none"))
        phone.returns_marks = False
        await bus_node.send_command(plan.call_id, SayText("One moment."))
        await wait_until(lambda: has_floor("agent"))


async def test_one_person_has_the_line(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        first = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(first, "began")
        grant = SupervisionGrant("session-2", plan.call_id, SPEAKER)
        second = await bus_node.listen(await bus_node.token_of(grant))
        await receive_until(second, "began")
        await ask(first, "speak")
        await second.send_str('{"event":"speak"}')
        texts, _ = await receive_until(second, "error")
        assert texts[-1]["code"] == "busy"
        await second.send_bytes(b"".join(PERSON))
        await ask(first, "stop")
        assert (await ask(second, "speak"))["speaking"] is True
        await phone.hang_up()
        assert await close_reason(second) == (1000, "call_ended")
    await bus_node.wait_for_event(CallEnded)
    returned = [event for event in await bus_node.events() if isinstance(event, LineReturned)]
    assert [(event.session_id, event.spoken_ms) for event in returned] == [("session-1", 0), ("session-2", 0)]
    assert not phone.audio


async def test_session_ends_without_answers_of_control(tmp_path: Path, redis_url: str, plan: CallPlan) -> None:
    """Nobody answers whether the session may go on: neither to its beginning, nor later."""
    rights = RightsPace(every=0.1, ask=0.1, lasts=0.5)
    async with running_bus_node(redis_url, tmp_path, rights=rights) as bus_node:
        phone = await bus_node.dial(plan, returns_marks=True)
        async with phone.sending_silence():
            await bus_node.wait_for_event(CallStarted)
            grant = SupervisionGrant("session-1", plan.call_id, SPEAKER, "a sealed text")
            listener = await bus_node.listen(await bus_node.token_of(grant))
            await receive_until(listener, "began")
            assert (await ask(listener, "speak"))["speaking"] is True
            assert await close_reason(listener) == (1008, "revoked")
            assert (await bus_node.wait_for_event(LineReturned)).session_id == "session-1"
            assert (await bus_node.wait_for_event(SupervisionEnded)).reason == "revoked"
            assert phone.close_code is None


async def test_requests_of_a_session_are_limited(tmp_path: Path, redis_url: str, plan: CallPlan) -> None:
    """A flood of notes, pauses and takings of the line is refused; the session and the call go on."""
    limits = dataclasses.replace(LIMITS, listener_requests_at_once=3, listener_requests_per_s=0.000_1)
    async with running_bus_node(redis_url, tmp_path, limits=limits) as bus_node:
        phone = await bus_node.dial(plan, returns_marks=True)
        async with phone.sending_silence():
            await bus_node.wait_for_event(CallStarted)
            listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
            await receive_until(listener, "began")
            await listener.send_str('{"event":"whisper","text":"Offer Friday."}')
            await receive_until(listener, "done")
            await ask(listener, "pause")
            await ask(listener, "speak")
            for request in ("pause", "speak", "whisper"):
                await listener.send_str(json.dumps({"event": request, "text": "More.", "id": request}))
                texts, _ = await receive_until(listener, "error")
                assert (texts[-1]["code"], texts[-1]["id"]) == ("too_many_requests", request)
                assert "3 at once" in texts[-1]["message"]
            assert (await ask(listener, "stop"))["speaking"] is False
            assert (await ask(listener, "resume"))["paused"] is False
            assert phone.close_code is None


async def test_endless_requests_end_the_session(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
        await receive_until(listener, "began")
        with suppress(ConnectionError):
            for _ in range(20_000):
                await listener.send_str("{}")
        assert await close_reason(listener) == (1008, "fault")
        assert phone.close_code is None


async def test_endless_voice_messages_end_the_session(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id, rights=SPEAKER))
        await receive_until(listener, "began")
        await ask(listener, "speak")
        with suppress(ConnectionError):
            for _ in range(20_000):
                await listener.send_bytes(b"\xff")
        assert await close_reason(listener) == (1008, "fault")
        assert phone.close_code is None


async def test_requests_of_a_listener_are_refused(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
        await listener.send_str('{"event":"speak"}')
        texts, _ = await receive_until(listener, "error")
        assert texts[-1] == {"event": "error", "code": "not_granted"}
        await listener.send_bytes(CALLER)
        assert (await close_reason(listener))[0] == 1003
        assert phone.close_code is None


async def test_several_people_listen_to_one_call(bus_node: BusNode, plan: CallPlan) -> None:
    phone = await bus_node.dial(plan, returns_marks=True)
    async with phone.sending_silence():
        await bus_node.wait_for_event(CallStarted)
        sockets = [await bus_node.listen(await bus_node.supervision_token(plan.call_id)) for _ in range(3)]
        for listener in sockets:
            await receive_until(listener, "began")

        async def all_listen() -> bool:
            return bus_node.metric("vocalized_media_listeners") == 3

        await wait_until(all_listen)
    await phone.hang_up()
    for listener in sockets:
        assert await close_reason(listener) == (1000, "call_ended")


async def test_stuck_listener_is_closed_and_the_call_continues(tmp_path: Path, redis_url: str, plan: CallPlan) -> None:
    limits = dataclasses.replace(LIMITS, listener_stall_s=0.5, max_listeners=1)
    async with running_bus_node(redis_url, tmp_path, limits=limits) as bus_node:
        phone = await bus_node.dial(plan, returns_marks=True)
        async with phone.sending_silence():
            await bus_node.wait_for_event(CallStarted)
            token = await bus_node.supervision_token(plan.call_id)
            host, port = bus_node.url.removeprefix("http://").split(":")
            with socket.socket() as stuck:
                stuck.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1_024)
                stuck.connect((host, int(port)))
                stuck.sendall(HANDSHAKE % token.encode())
                await bus_node.wait_for_event(SupervisionBegan)
                with pytest.raises(WSServerHandshakeError, match="503"):
                    await bus_node.listen(await bus_node.supervision_token(plan.call_id))
                ended = await bus_node.wait_for_event(SupervisionEnded)
        assert ended.reason == "stalled"
        assert phone.close_code is None
        await phone.hang_up()


async def test_refused_sockets_do_not_count_as_listeners(tmp_path: Path, redis_url: str, plan: CallPlan) -> None:
    """A token that was made up suffices to open a socket, and its peer need not close it."""
    async with running_bus_node(redis_url, tmp_path, limits=dataclasses.replace(LIMITS, max_listeners=1)) as bus_node:
        phone = await bus_node.dial(plan, returns_marks=True)
        async with phone.sending_silence():
            await bus_node.wait_for_event(CallStarted)
            host, port = bus_node.url.removeprefix("http://").split(":")
            reader, writer = await asyncio.open_connection(host, int(port))
            writer.write(HANDSHAKE % b"made-up")
            async with asyncio.timeout(WAIT_LIMIT_S):
                await reader.readuntil(b"ticket_unknown")
            listener = await bus_node.listen(await bus_node.supervision_token(plan.call_id))
            await receive_until(listener, "began")
            writer.close()
            await phone.hang_up()
