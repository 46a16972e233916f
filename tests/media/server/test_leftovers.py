"""What a call held goes with its last reference: the collector, which is told to look rarely, has nothing to find."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Iterator

import pytest

from shared.plan import CallPlan, decode_plan
from tests.media.server.conftest import PLAN, Desk
from tests.media.server.phone import PATIENCE_S, STREAM, Phone

MEDIA = {"event": "media", "streamSid": STREAM, "media": {"track": "inbound", "payload": 7}}


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def watched(desk: Desk) -> list["weakref.ref[object]"]:
    """The one connection, its socket and its call."""
    (connection,) = desk.worker.connections
    assert connection.call is not None
    call = connection.call
    return [
        weakref.ref(part) for part in (connection, connection._socket, call, call._agent, call._ear, call._playback)
    ]


async def hang_up(phone: Phone) -> None:
    await phone.hang_up()


async def talk_on(phone: Phone) -> None:
    """Hangs up while the agent answers, so that the reply is cut short."""
    await phone.until("media")
    await phone.speak(b"\x20\xa0" * 400)
    await phone.hang_up()


async def break_json(phone: Phone) -> None:
    await phone.send("no json")


async def break_a_field(phone: Phone) -> None:
    await phone.send(json.dumps(MEDIA))


async def send_binary(phone: Phone) -> None:
    await phone.socket.send_bytes(b"x")


async def send_too_much(phone: Phone) -> None:
    await phone.send("x" * 70_000)


async def break_off(phone: Phone) -> None:
    response = phone.socket._response  # there is no public way to leave without a close
    assert response.connection is not None and isinstance(response.connection.transport, asyncio.WriteTransport)
    response.connection.transport.abort()


async def until_gone(desk: Desk, parts: list["weakref.ref[object]"]) -> None:
    await desk.until_idle()
    async with asyncio.timeout(PATIENCE_S):
        while any(part() is not None for part in parts):  # noqa: ASYNC110  # nobody tells of the last reference
            await asyncio.sleep(0.01)


ENDS = [hang_up, talk_on, break_json, break_a_field, send_binary, send_too_much, break_off]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_nothing_of_a_call_is_left(desk: Desk, speech: bytes, end: Callable[[Phone], Awaitable[None]]) -> None:
    phone = await desk.dial()
    await phone.speak(speech)
    await phone.until_heard(200)
    parts = watched(desk)
    assert all(part() is not None for part in parts)
    await end(phone)
    await until_gone(desk, parts)


@pytest.mark.usefixtures("no_collector")
class TestNoVoice:
    """A call whose voice breaks down, and that ends for it."""

    @pytest.fixture
    def plan(self) -> CallPlan:
        return decode_plan(PLAN.replace(b'"first_byte_ms"', b'"fail": "midway", "first_byte_ms"'))

    async def test_nothing_is_left(self, desk: Desk, speech: bytes) -> None:
        phone = await desk.dial()
        await phone.speak(speech)
        parts = watched(desk)
        async with phone.going_on():
            await phone.until("closed")
        await until_gone(desk, parts)
