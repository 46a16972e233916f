"""The listening port, byte by byte: what is dispatched where, and what is refused."""

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field

import pytest
from structlog.testing import capture_logs

from media.server import listener
from media.server.limits import WorkerLimits
from media.server.plans import PlanRefused, SocketRoute
from media.telephony.codec import StreamStarted
from shared.events import CallEnded, DigitPressed
from shared.plan import CallPlan
from tests.media.server.conftest import WorkerSetup, with_limits
from tests.media.server.phone import STREAM, WAIT_LIMIT_S, start_message
from tests.media.server.test_connection import events_of
from tests.media.server.test_frames import compressed, masked

KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = (
    "GET /media/twilio?tenant=7 HTTP/1.1\r\nHost: here\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()
HTTP = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"


async def talk(
    worker_setup: WorkerSetup, *chunks: bytes, until: bytes = b"\r\n\r\n"
) -> tuple[bytes, asyncio.StreamWriter]:
    """Sends the chunks one at a time; returns the answer, up to `until` or the end."""
    host, _, port = worker_setup.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(WAIT_LIMIT_S):
        try:
            return await reader.readuntil(until), writer
        except asyncio.IncompleteReadError as error:
            return error.partial, writer


@pytest.mark.parametrize("size", [1, 3, 10_000])
async def test_request_head_may_come_in_pieces(worker_setup: WorkerSetup, size: int) -> None:
    for wire, answer in ((UPGRADE, b"HTTP/1.1 101"), (HTTP, b"HTTP/1.1 200")):
        head, writer = await talk(worker_setup, *(wire[at : at + size] for at in range(0, len(wire), size)))
        assert head.startswith(answer)
        writer.close()


async def test_frames_sent_with_the_head_are_processed_in_order(worker_setup: WorkerSetup) -> None:
    start = masked(1, json.dumps(start_message()).encode())
    mark = {"event": "mark", "sequenceNumber": "2", "streamSid": "MZother", "mark": {"name": "a"}}
    answer, writer = await talk(
        worker_setup, UPGRADE + start + masked(1, json.dumps(mark).encode()), until=b"wrong_stream"
    )
    assert answer.startswith(b"HTTP/1.1 101") and answer.endswith(b"wrong_stream")
    writer.close()


async def test_ping_and_close_are_answered(worker_setup: WorkerSetup) -> None:
    answer, writer = await talk(worker_setup, UPGRADE, masked(9, b"hello"), masked(8, b"\x03\xe8bye"), until=b"never")
    assert answer.endswith(b"\x8a\x05hello\x88\x02\x03\xe8")
    writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (UPGRADE.replace(b"twilio", b"unknown"), 404),
        (UPGRADE.replace(b"WebSocket", b"h2c"), 426),
        (UPGRADE.replace(KEY.encode(), b"short"), 400),
        (b"GET /media/twilio HTTP/9\r\n\r\n", 400),
        (HTTP.replace(b"/healthz", b"/nothing"), 404),
        (b"POST /media/twilio HTTP/1.1\r\nHost: here\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_invalid_requests_are_refused_and_closed(worker_setup: WorkerSetup, head: bytes, status: int) -> None:
    answer, writer = await talk(worker_setup, head, until=b"never")
    assert answer.startswith(b"HTTP/1.") and answer.split()[1] == str(status).encode()
    assert not worker_setup.worker.connections
    writer.close()


@pytest.mark.parametrize(
    "head",
    [
        HTTP,
        HTTP.replace(b"HTTP/1.1", b"HTTP/4711.x"),
        b"G\x01T /healthz HTTP/1.1\r\nHost: here\r\n\r\n",
        b"GET /healthz HTTP/1.1\r\nbad-header-4711\r\n\r\n",
        HTTP.replace(b"here\r\n", b"here\r\nExpect: secret-4711\r\n"),
        UPGRADE.replace(KEY.encode(), b"secret-4711"),
        UPGRADE.replace(b"WebSocket", b"secret-4711"),
    ],
)
async def test_answers_do_not_describe_the_server_or_quote_the_request(worker_setup: WorkerSetup, head: bytes) -> None:
    with capture_logs() as logs:
        answer, writer = await talk(worker_setup, head, until=b"never")
    assert "-4711" not in str(logs) and "4711.x" not in str(logs)
    assert answer.startswith(b"HTTP/1.") and b"-4711" not in answer and b"4711.x" not in answer
    assert b"aiohttp" not in answer.lower() and b"python" not in answer.lower() and b"websockets" not in answer
    writer.close()


async def test_draining_worker_answers_retry_after(worker_setup: WorkerSetup) -> None:
    worker_setup.worker.is_draining = True
    answer, writer = await talk(worker_setup, UPGRADE, until=b"never")
    assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 5\r\n" in answer and answer.endswith(b"draining")
    writer.close()


async def test_an_http_connection_serves_one_request(worker_setup: WorkerSetup) -> None:
    answer, writer = await talk(worker_setup, HTTP, until=b"never")
    assert b"Connection: close\r\n" in answer
    writer.close()


@pytest.mark.parametrize("path", [b"/media/twilio", b"/healthz"])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_too_long_head_is_disconnected(worker_setup: WorkerSetup, path: bytes, end: bytes) -> None:
    head = b"GET " + path + b" HTTP/1.1\r\nX: " + b"x" * listener.MAX_HEAD_BYTES + end
    answer, writer = await talk(worker_setup, head, until=b"never")
    assert answer == b""
    writer.close()


class TestSlowHead:
    """A client that connects and does not complete its request."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, start_timeout_s=0.1)

    @pytest.mark.parametrize("sent", [b"", b"GET /me", b"GET /media/twilio HTTP/1.1\r\nX", b"POST / HTTP/1.1\r\nX"])
    async def test_is_disconnected(self, worker_setup: WorkerSetup, sent: bytes) -> None:
        answer, writer = await talk(worker_setup, sent, until=b"never")
        assert answer == b""
        writer.close()


async def test_websocket_protocol_violations_are_counted(worker_setup: WorkerSetup) -> None:
    for wire, code, close in ((compressed(b"x"), "bad_frame", 1002), (b"\x81\xff", "too_large", 1009)):
        if code == "too_large":
            wire += (10_000_000).to_bytes(8, "big")
        answer, writer = await talk(worker_setup, UPGRADE + wire, until=close.to_bytes(2, "big") + code.encode())
        assert answer.endswith(code.encode())
        assert worker_setup.count("vocalized_media_wire_errors_total", code=code) == 1
        writer.close()


async def test_fragments_are_joined(worker_setup: WorkerSetup) -> None:
    whole = json.dumps({"event": "stop", "streamSid": STREAM}).encode()
    wire = masked(1, whole[:5], final=False) + masked(9, b"") + masked(0, whole[5:])
    answer, writer = await talk(worker_setup, UPGRADE, wire, until=b"out_of_order")
    assert b"\x03\xeaout_of_order" in answer
    writer.close()


async def test_disconnect_without_close_frame_is_a_carrier_error(worker_setup: WorkerSetup) -> None:
    _, writer = await talk(worker_setup, UPGRADE + masked(1, json.dumps(start_message()).encode()))
    writer.close()
    ended = (await events_of(worker_setup))[-1]
    assert isinstance(ended, CallEnded) and (ended.end_reason, ended.detail) == ("carrier_error", "the socket broke")


class TestFlood:
    """A peer that sends many frames which are not messages."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_messages_per_s=200)

    @pytest.mark.parametrize(
        ("first", "more"),
        [(b"", masked(9, b"")), (masked(1, b"", final=False), masked(0, b"", final=False))],
        ids=["pings", "fragments"],
    )
    async def test_is_disconnected(self, worker_setup: WorkerSetup, first: bytes, more: bytes) -> None:
        _, writer = await talk(worker_setup, UPGRADE + masked(1, json.dumps(start_message()).encode()) + first)
        with suppress(ConnectionError):
            async with asyncio.timeout(WAIT_LIMIT_S):
                while not writer.is_closing():
                    writer.write(more * 10)
                    await writer.drain()
                    await asyncio.sleep(0)
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and "too many" in ended.detail


class TestShortStart:
    """A worker with a short start timeout."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, start_timeout_s=0.2)

    async def test_start_timeout_does_not_apply_to_an_ending_call(self, worker_setup: WorkerSetup) -> None:
        _, writer = await talk(worker_setup, UPGRADE + masked(1, json.dumps(start_message()).encode()))
        await asyncio.sleep(0.3)
        (connection,) = worker_setup.worker.connections
        connection.end_call("admin", "over")
        async with asyncio.timeout(WAIT_LIMIT_S):
            while connection.call is not None:  # noqa: ASYNC110  # until only the peer's close frame is missing
                await asyncio.sleep(0)
        connection.check_limits(asyncio.get_running_loop().time())
        await asyncio.sleep(0.05)
        assert not writer.is_closing() and worker_setup.worker.connections
        writer.write(masked(8, b"\x03\xe8"))
        await worker_setup.wait_until_idle()
        ended = (await events_of(worker_setup))[-1]
        assert isinstance(ended, CallEnded) and (ended.end_reason, ended.detail) == ("admin", "over")
        writer.close()


@dataclass
class SlowPlans:
    """A source of plans that answers when `ready` is set."""

    plan: CallPlan
    requested: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        self.requested.set()
        await self.ready.wait()
        if self.reason:
            raise PlanRefused(self.reason)
        return self.plan


def digit_message(digit: str) -> bytes:
    message = {"event": "dtmf", "sequenceNumber": "5", "streamSid": STREAM}
    return masked(1, json.dumps({**message, "dtmf": {"track": "inbound_track", "digit": digit}}).encode())


class TestSlowPlan:
    """Plans that take long, with a limit of two pending sockets."""

    @pytest.fixture
    def limits(self, limits: WorkerLimits) -> WorkerLimits:
        return with_limits(limits, max_pending=2)

    @pytest.fixture
    def plans(self, plan: CallPlan) -> SlowPlans:
        return SlowPlans(plan)

    async def test_messages_received_meanwhile_are_processed_in_order(
        self, worker_setup: WorkerSetup, plans: SlowPlans
    ) -> None:
        start = masked(1, json.dumps(start_message()).encode())
        _, writer = await talk(worker_setup, UPGRADE + start + digit_message("1") + digit_message("2"))
        await plans.requested.wait()
        writer.write(digit_message("3") + digit_message("4"))
        other = worker_setup.url + "/healthz"
        async with worker_setup.session.get(other) as response:  # the server's event loop has run meanwhile
            assert response.status == 200
        plans.ready.set()
        writer.write(digit_message("5") + masked(8, b""))
        events = await events_of(worker_setup)
        assert [event.digit for event in events if isinstance(event, DigitPressed)] == ["1", "2", "3", "4", "5"]
        writer.close()

    async def test_closed_socket_does_not_wait_for_its_plan(self, worker_setup: WorkerSetup, plans: SlowPlans) -> None:
        _, writer = await talk(worker_setup, UPGRADE + masked(1, json.dumps(start_message()).encode()))
        await plans.requested.wait()
        worker_setup.worker.end_calls("media_lost", "over")
        writer.write(masked(8, b"\x03\xe8"))
        await worker_setup.wait_until_idle()
        assert worker_setup.folder.events("").parent.exists() and not list(
            worker_setup.folder.events("").parent.iterdir()
        )
        writer.close()

    async def test_sockets_waiting_for_a_plan_are_not_evicted(
        self, worker_setup: WorkerSetup, plans: SlowPlans
    ) -> None:
        start = masked(1, json.dumps(start_message()).encode())
        waiting = [await talk(worker_setup, UPGRADE + start) for _ in range(2)]
        await plans.requested.wait()
        answer, writer = await talk(worker_setup, UPGRADE, until=b"never")
        assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 5\r\n" in answer and answer.endswith(b"crowded")
        assert worker_setup.count("vocalized_media_refused_total", reason="crowded") == 1
        plans.ready.set()
        await worker_setup.wait_for_calls(2)
        for _, caller in (*waiting, (answer, writer)):
            caller.close()

    async def test_stream_without_plan_is_refused_with_the_reason(
        self, worker_setup: WorkerSetup, plans: SlowPlans
    ) -> None:
        plans.reason = "no such number"
        plans.ready.set()
        start = masked(1, json.dumps(start_message()).encode())
        answer, writer = await talk(worker_setup, UPGRADE + start + digit_message("1"), until=b"no such number")
        assert answer.endswith(b"\x03\xf0no such number")
        assert worker_setup.count("vocalized_media_refused_total", reason="no_plan") == 1
        writer.close()
