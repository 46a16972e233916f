"""A call's objects are freed by reference counting, because the garbage collector is set to run rarely."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Iterator

import pytest

from shared.plan import CallPlan, decode_plan
from tests.media.server.conftest import PLAN, WorkerSetup
from tests.media.server.phone import STREAM, WAIT_LIMIT_S, Phone

MEDIA = {"event": "media", "streamSid": STREAM, "media": {"track": "inbound", "payload": 7}}


@pytest.fixture
def no_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def weak_references(worker_setup: WorkerSetup) -> list["weakref.ref[object]"]:
    """The one connection, its socket and its call."""
    (connection,) = worker_setup.worker.connections
    assert connection.call is not None
    call = connection.call
    conversation = call._conversation
    inbound, playback = call._inbound, call._playback
    agent, recogniser = conversation._agent, conversation.recogniser
    parts = (connection, connection._socket, call, conversation, agent, recogniser, inbound, playback)
    return [weakref.ref(part) for part in parts]


async def hang_up(phone: Phone) -> None:
    await phone.hang_up()


async def hang_up_during_reply(phone: Phone) -> None:
    """Hangs up while the agent answers, so that the reply is cut short."""
    await phone.wait_for("media")
    await phone.speak(b"\x20\xa0" * 400)
    await phone.hang_up()


async def send_invalid_json(phone: Phone) -> None:
    await phone.send("no json")


async def send_invalid_field(phone: Phone) -> None:
    await phone.send(json.dumps(MEDIA))


async def send_binary(phone: Phone) -> None:
    await phone.socket.send_bytes(b"x")


async def send_too_long_message(phone: Phone) -> None:
    await phone.send("x" * 70_000)


async def abort_socket(phone: Phone) -> None:
    response = phone.socket._response  # there is no public way to leave without a close
    assert response.connection is not None and isinstance(response.connection.transport, asyncio.WriteTransport)
    response.connection.transport.abort()


async def wait_until_freed(worker_setup: WorkerSetup, parts: list["weakref.ref[object]"]) -> None:
    await worker_setup.wait_until_idle()
    async with asyncio.timeout(WAIT_LIMIT_S):
        while any(part() is not None for part in parts):  # noqa: ASYNC110  # there is no event for the last reference
            await asyncio.sleep(0.01)


ENDS = [
    hang_up,
    hang_up_during_reply,
    send_invalid_json,
    send_invalid_field,
    send_binary,
    send_too_long_message,
    abort_socket,
]


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("end", ENDS, ids=lambda end: end.__name__)
async def test_all_objects_of_a_call_are_freed(
    worker_setup: WorkerSetup, speech: bytes, end: Callable[[Phone], Awaitable[None]]
) -> None:
    phone = await worker_setup.dial()
    await phone.speak(speech)
    await phone.wait_for_audio(200)
    parts = weak_references(worker_setup)
    assert all(part() is not None for part in parts)
    await end(phone)
    await wait_until_freed(worker_setup, parts)


@pytest.mark.usefixtures("no_collector")
class TestFailingVoice:
    """A call that ends because its voice fails."""

    @pytest.fixture
    def plan(self) -> CallPlan:
        return decode_plan(PLAN.replace(b'"first_byte_ms"', b'"fail": "midway", "first_byte_ms"'))

    async def test_all_objects_are_freed(self, worker_setup: WorkerSetup, speech: bytes) -> None:
        phone = await worker_setup.dial()
        await phone.speak(speech)
        parts = weak_references(worker_setup)
        async with phone.sending_silence():
            await phone.wait_for("closed")
        await wait_until_freed(worker_setup, parts)
