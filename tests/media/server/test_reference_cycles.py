"""A call's objects are freed by reference counting, because the garbage collector is set to run rarely."""

import asyncio
import gc
import json
import weakref
from collections.abc import Awaitable, Callable, Iterator
from typing import cast

import pytest
from websockets.server import ServerProtocol
from yarl import URL

from media.call.call import Call
from media.call.conversation import Conversation
from media.server import listener
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
    conversation = call._responder
    assert isinstance(conversation, Conversation)
    inbound, playback = call._inbound, call._mixer.agent
    agent, recognizer = conversation._agent, conversation.recognizer
    parts = (connection, connection._socket, call, conversation, agent, recognizer, inbound, playback, call.language)
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
    response = phone.socket._response  # no public method disconnects without a close
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
async def test_all_objects_of_a_call_are_freed_in_which_a_person_spoke(
    worker_setup: WorkerSetup, speech: bytes
) -> None:
    phone = await worker_setup.dial()
    await phone.speak(speech)
    await phone.wait_for_audio(200)
    parts = weak_references(worker_setup)
    call = cast(Call, parts[2]())
    for is_given_back in (True, False):
        assert call.take_line("session-1")
        assert call._person is not None and call._person._current is not None
        parts += [weakref.ref(part) for part in (call._person, call._person._current)]
        call.speak(speech[:3_200])
        if is_given_back:
            call.give_line_back("session-1")
    del call
    await phone.hang_up()
    await wait_until_freed(worker_setup, parts)


@pytest.fixture
def garbage(no_collector: None) -> Iterator[list[object]]:
    """Where the collector puts what it finds."""
    yield gc.garbage
    gc.set_debug(0)
    gc.garbage.clear()


async def test_turns_leave_no_cycles_while_the_call_goes_on(
    worker_setup: WorkerSetup, speech: bytes, garbage: list[object]
) -> None:
    phone = await worker_setup.dial()
    for _ in range(2):
        await phone.speak(speech)
        await phone.wait_for_audio(200)
        await phone.pause(1_500)
    gc.set_debug(gc.DEBUG_SAVEALL)
    gc.collect()
    gc.set_debug(0)
    assert {type(one).__qualname__ for one in garbage if type(one).__module__.startswith("media.")} == set()
    await phone.hang_up()


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


UPGRADE = b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
REFUSED_REQUESTS = {
    "no_upgrade": b"GET /media/twilio HTTP/1.1\r\n\r\n",
    "bad_key": b"GET /media/twilio HTTP/1.1\r\n" + UPGRADE + b"Sec-WebSocket-Key: short\r\n\r\n",
    "no_http": b"GET /media/twilio HTTP/9\r\n\r\n",
    "unknown_path": b"GET /media/nobody HTTP/1.1\r\n" + UPGRADE + b"Sec-WebSocket-Key: short\r\n\r\n",
}


@pytest.mark.usefixtures("no_collector")
@pytest.mark.parametrize("request_head", REFUSED_REQUESTS.values(), ids=REFUSED_REQUESTS)
async def test_refused_handshake_is_freed(
    worker_setup: WorkerSetup, request_head: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    handshakes: list[weakref.ref[object]] = []

    class WatchedHandshake(ServerProtocol):
        def __init__(self) -> None:
            super().__init__()
            handshakes.append(weakref.ref(self))

    monkeypatch.setattr(listener, "ServerProtocol", WatchedHandshake)
    url = URL(worker_setup.url)
    reader, writer = await asyncio.open_connection(url.host, url.port)
    writer.write(request_head)
    assert (await reader.read()).startswith(b"HTTP/1.1 4")
    writer.close()
    assert len(handshakes) == 1
    await wait_until_freed(worker_setup, handshakes)
