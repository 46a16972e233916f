"""One socket and its call, over a real WebSocket."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

import pytest

from media.server.limits import Limits
from shared.events import AgentSaid, CallEnded, CallerSaid, CallStarted, Event, decode_event
from shared.plan import CallPlan, decode_plan
from tests.media.server.conftest import PLAN, Desk, fewer
from tests.media.server.phone import PATIENCE_S, STREAM, start_message

MEDIA = {"track": "inbound", "chunk": "1", "timestamp": "0", "payload": "AAAA"}


async def events_of(desk: Desk, stream: str = STREAM) -> list[Event]:
    """The call's events as the stand-alone server gives them out, until the last one."""
    return [event async for event in follow(desk, stream)]


async def follow(desk: Desk, stream: str = STREAM) -> AsyncGenerator[Event, None]:
    """The call's events as they happen."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with desk.session.get(f"{desk.url}/calls/{stream}/events") as response:
                if response.status == 200:
                    async for line in response.content:
                        yield decode_event(line).event
                    return
                # The disk thread has not written the index yet.
                assert response.status == 404


async def test_a_caller_is_heard_and_answered(desk: Desk, speech: bytes) -> None:
    phone = await desk.dial()
    await phone.speak(speech)
    await phone.pause(800)
    await phone.until_heard(600)
    await phone.hang_up()
    started, said, *_, ended = await events_of(desk)
    assert isinstance(started, CallStarted) and started.stream_id == STREAM and started.carrier == "twilio"
    assert isinstance(ended, CallEnded) and (ended.status, ended.end_reason) == ("completed", "caller_hangup")
    assert isinstance(said, CallerSaid) and said.text == "and so my fellow americans"


class TestMarks:
    """An answer of ten seconds that a carrier says was heard at once."""

    @pytest.fixture
    def plan(self) -> CallPlan:
        short, long = b'"audio_ms": 600, "chunk_ms": 200', b'"audio_ms": 10000, "chunk_ms": 10000'
        assert short in PLAN
        return decode_plan(PLAN.replace(short, long))

    async def test_the_answer_is_recorded_as_heard_when_they_come_back(self, desk: Desk, speech: bytes) -> None:
        phone = await desk.dial()
        phone.returns_marks = True
        await phone.speak(speech)
        async with phone.going_on(), aclosing(follow(desk)) as events:
            said = await anext(event async for event in events if isinstance(event, AgentSaid))
        assert said.text == "Thank you for calling." and not said.interrupted
        assert said.end_ms - said.start_ms < 10_000, "without marks it would be heard at the pace of a clock"
        await phone.hang_up()


@pytest.mark.parametrize(
    ("message", "code", "close"),
    [
        ("no json", "not_json", 1002),
        (json.dumps({"event": "party"}), "unknown_event", 1002),
        (json.dumps({"event": "media", "streamSid": STREAM, "media": {**MEDIA, "payload": "*"}}), "bad_base64", 1002),
        (json.dumps({"event": "media", "streamSid": "other", "media": MEDIA}), "wrong_stream", 1002),
        (json.dumps(start_message()), "out_of_order", 1002),
    ],
)
async def test_a_bad_message_ends_its_call_only(desk: Desk, message: str, code: str, close: int) -> None:
    other = await desk.dial("MZother")
    async with other.going_on():
        phone = await desk.dial()
        await phone.send(message)
        await phone.until("closed")
        assert phone.close_code == close
        assert desk.count("vocalized_media_wire_errors_total", code=code) == 1
        ended = (await events_of(desk))[-1]
    assert isinstance(ended, CallEnded) and ended.end_reason == "carrier_error" and code in ended.detail
    await other.pause(100)
    assert not other.socket.closed
    await other.hang_up()


async def test_an_oversized_message_closes_the_socket(desk: Desk) -> None:
    phone = await desk.dial()
    # The server closes before it has read all of it: the client may notice while it still writes.
    with suppress(ConnectionError):
        await phone.send("x" * 10_000_000)
    await phone.until("closed")
    ended = (await events_of(desk))[-1]
    assert isinstance(ended, CallEnded) and "too_large" in ended.detail


def answering() -> int:
    """HTTP requests that are being answered."""
    names = [getattr(task.get_coro(), "__qualname__", "") for task in asyncio.all_tasks()]
    return names.count("RequestHandler.start")


async def test_a_follower_who_leaves_is_not_waited_for(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    phone = await desk.dial()
    async with phone.going_on(), aclosing(follow(desk)) as events:
        assert isinstance(await anext(events), CallStarted)
        assert answering() == 1
        await events.aclose()
        async with asyncio.timeout(PATIENCE_S):
            while answering():  # noqa: ASYNC110  # the server tells nobody
                await asyncio.sleep(0.01)
    await phone.hang_up()
    assert caplog.records == []


class TestSilent:
    """A socket that says nothing, or nothing more."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, start_timeout_s=0.5, receive_timeout_s=0.5)

    async def test_is_dropped_before_the_start(self, desk: Desk) -> None:
        socket = await desk.session.ws_connect(desk.url + "/media/twilio")
        await socket.send_str(json.dumps({"event": "connected", "protocol": "Call", "version": "1.0.0"}))
        async with asyncio.timeout(PATIENCE_S):
            await socket.receive()
        assert socket.closed

    async def test_is_dropped_during_the_call(self, desk: Desk) -> None:
        phone = await desk.dial()
        await phone.until("closed")
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded)
        assert ended.end_reason == "carrier_error" and "nothing received" in ended.detail


async def test_a_call_that_crashes_is_ended_and_its_neighbour_goes_on(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = await desk.dial()
    await phone.pause(40)
    (connection,) = desk.worker.connections
    assert connection.call is not None
    monkeypatch.setattr(connection.call, "tick", lambda: 1 / 0)
    other = await desk.dial("MZother")
    async with phone.going_on(), other.going_on():
        await phone.until("closed")
    ended = (await events_of(desk))[-1]
    assert isinstance(ended, CallEnded)
    assert ended.end_reason == "carrier_error" and "ZeroDivisionError" in ended.detail
    assert not other.socket.closed
    await other.hang_up()


class TestFlood:
    """A socket that sends too much."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_messages_per_s=200)

    async def test_is_dropped(self, desk: Desk) -> None:
        phone = await desk.dial()
        mark = {"event": "mark", "sequenceNumber": "5", "streamSid": STREAM, "mark": {"name": "none"}}
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not phone.socket.closed:
                    await phone.send(mark)
                    await asyncio.sleep(0)
        await phone.until("closed")
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded) and "too many" in ended.detail
