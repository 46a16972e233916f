"""The port, byte by byte: who is handed to whom, and what is refused."""

import asyncio
import base64
import json
from contextlib import suppress
from dataclasses import dataclass, field

import pytest

from media.server import front
from media.server.limits import Limits
from media.server.plans import Door, NoPlan
from media.telephony.wire import Started
from shared.events import CallEnded, DigitPressed
from shared.plan import CallPlan
from tests.media.server.conftest import Desk, fewer
from tests.media.server.phone import PATIENCE_S, STREAM, start_message
from tests.media.server.test_connection import events_of
from tests.media.server.test_frames import compressed, masked

KEY = base64.b64encode(b"0123456789abcdef").decode()
UPGRADE = (
    "GET /media/twilio?tenant=7 HTTP/1.1\r\nHost: here\r\nUpgrade: WebSocket\r\nConnection: keep-alive, Upgrade\r\n"
    f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {KEY}\r\n\r\n"
).encode()
HTTP = b"GET /healthz HTTP/1.1\r\nHost: here\r\n\r\n"


async def talk(desk: Desk, *chunks: bytes, until: bytes = b"\r\n\r\n") -> tuple[bytes, asyncio.StreamWriter]:
    """Sends the chunks one at a time; returns what comes back, up to `until` or the end."""
    host, _, port = desk.url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    for chunk in chunks:
        writer.write(chunk)
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(PATIENCE_S):
        try:
            return await reader.readuntil(until), writer
        except asyncio.IncompleteReadError as error:
            return error.partial, writer


@pytest.mark.parametrize("size", [1, 3, 10_000])
async def test_the_head_may_come_in_pieces(desk: Desk, size: int) -> None:
    for wire, answer in ((UPGRADE, b"HTTP/1.1 101"), (HTTP, b"HTTP/1.1 200")):
        head, writer = await talk(desk, *(wire[at : at + size] for at in range(0, len(wire), size)))
        assert head.startswith(answer)
        writer.close()


async def test_frames_may_come_with_the_head_and_are_heard_in_order(desk: Desk) -> None:
    start = masked(1, json.dumps(start_message()).encode())
    mark = {"event": "mark", "sequenceNumber": "2", "streamSid": "MZother", "mark": {"name": "a"}}
    answer, writer = await talk(desk, UPGRADE + start + masked(1, json.dumps(mark).encode()), until=b"wrong_stream")
    assert answer.startswith(b"HTTP/1.1 101") and answer.endswith(b"wrong_stream")
    writer.close()


async def test_a_ping_is_answered_and_a_close_too(desk: Desk) -> None:
    answer, writer = await talk(desk, UPGRADE, masked(9, b"hello"), masked(8, b"\x03\xe8bye"), until=b"never")
    assert answer.endswith(b"\x8a\x05hello\x88\x02\x03\xe8")
    writer.close()


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (UPGRADE.replace(b"twilio", b"nobody"), 404),
        (UPGRADE.replace(b"WebSocket", b"h2c"), 426),
        (UPGRADE.replace(KEY.encode(), b"short"), 400),
        (b"GET /media/twilio HTTP/9\r\n\r\n", 400),
        (HTTP.replace(b"/healthz", b"/nothing"), 404),
        (b"POST /media/twilio HTTP/1.1\r\nHost: here\r\n\r\n", 404),
        (b"nonsense\r\n\r\n", 400),
    ],
)
async def test_what_is_no_carriers_socket_is_refused_and_closed(desk: Desk, head: bytes, status: int) -> None:
    answer, writer = await talk(desk, head, until=b"never")
    assert answer.startswith(b"HTTP/1.") and answer.split()[1] == str(status).encode()
    assert not desk.worker.connections
    writer.close()


async def test_a_full_worker_says_when_to_come_back(desk: Desk) -> None:
    desk.worker.draining = True
    answer, writer = await talk(desk, UPGRADE, until=b"never")
    assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 5\r\n" in answer and answer.endswith(b"draining")
    writer.close()


async def test_an_http_connection_serves_one_request(desk: Desk) -> None:
    answer, writer = await talk(desk, HTTP, until=b"never")
    assert b"Connection: close\r\n" in answer
    writer.close()


@pytest.mark.parametrize("path", [b"/media/twilio", b"/healthz"])
@pytest.mark.parametrize("end", [b"", b"\r\n\r\n"])
async def test_a_head_that_is_too_long_is_cut_off(desk: Desk, path: bytes, end: bytes) -> None:
    head = b"GET " + path + b" HTTP/1.1\r\nX: " + b"x" * front.MAX_HEAD_BYTES + end
    answer, writer = await talk(desk, head, until=b"never")
    assert answer == b""
    writer.close()


class TestSlowHead:
    """Somebody who connects and says next to nothing."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, start_timeout_s=0.1)

    @pytest.mark.parametrize("said", [b"", b"GET /me", b"GET /media/twilio HTTP/1.1\r\nX", b"POST / HTTP/1.1\r\nX"])
    async def test_is_cut_off(self, desk: Desk, said: bytes) -> None:
        answer, writer = await talk(desk, said, until=b"never")
        assert answer == b""
        writer.close()


async def test_a_far_side_that_breaks_the_websocket_protocol_is_counted(desk: Desk) -> None:
    for wire, code, close in ((compressed(b"x"), "bad_frame", 1002), (b"\x81\xff", "too_large", 1009)):
        if code == "too_large":
            wire += (10_000_000).to_bytes(8, "big")
        answer, writer = await talk(desk, UPGRADE + wire, until=close.to_bytes(2, "big") + code.encode())
        assert answer.endswith(code.encode())
        assert desk.count("vocalized_media_wire_errors_total", code=code) == 1
        writer.close()


async def test_fragments_make_one_message(desk: Desk) -> None:
    whole = json.dumps({"event": "party"}).encode()
    wire = masked(1, whole[:5], final=False) + masked(9, b"") + masked(0, whole[5:])
    answer, writer = await talk(desk, UPGRADE, wire, until=b"unknown_event")
    assert answer.endswith(b"\x03\xeaunknown_event")
    writer.close()


async def test_leaving_without_a_close_is_no_hang_up(desk: Desk) -> None:
    _, writer = await talk(desk, UPGRADE + masked(1, json.dumps(start_message()).encode()))
    writer.close()
    ended = (await events_of(desk))[-1]
    assert isinstance(ended, CallEnded) and (ended.end_reason, ended.detail) == ("carrier_error", "the socket broke")


class TestFlood:
    """A far side that sends frames which are no messages."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_messages_per_s=200)

    @pytest.mark.parametrize(
        ("first", "more"),
        [(b"", masked(9, b"")), (masked(1, b"", final=False), masked(0, b"", final=False))],
        ids=["pings", "fragments"],
    )
    async def test_is_dropped(self, desk: Desk, first: bytes, more: bytes) -> None:
        _, writer = await talk(desk, UPGRADE + masked(1, json.dumps(start_message()).encode()) + first)
        with suppress(ConnectionError):
            async with asyncio.timeout(PATIENCE_S):
                while not writer.is_closing():
                    writer.write(more * 10)
                    await writer.drain()
                    await asyncio.sleep(0)
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded) and "too many" in ended.detail


class TestShortStart:
    """A worker on which a socket has to start at once."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, start_timeout_s=0.2)

    async def test_a_call_that_ends_later_is_left_to_end_in_order(self, desk: Desk) -> None:
        _, writer = await talk(desk, UPGRADE + masked(1, json.dumps(start_message()).encode()))
        await asyncio.sleep(0.3)
        (connection,) = desk.worker.connections
        connection.shut("admin", "over")
        async with asyncio.timeout(PATIENCE_S):
            while connection.call is not None:  # noqa: ASYNC110  # until only the far side's close is missing
                await asyncio.sleep(0)
        connection.sweep(asyncio.get_running_loop().time())
        await asyncio.sleep(0.05)
        assert not writer.is_closing() and desk.worker.connections
        writer.write(masked(8, b"\x03\xe8"))
        await desk.until_idle()
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded) and (ended.end_reason, ended.detail) == ("admin", "over")
        writer.close()


@dataclass
class SlowPlans:
    """Plans that come when told to."""

    plan: CallPlan
    asked: asyncio.Event = field(default_factory=asyncio.Event)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""

    async def claim(self, started: Started, door: Door) -> CallPlan:
        self.asked.set()
        await self.ready.wait()
        if self.reason:
            raise NoPlan(self.reason)
        return self.plan


def pressed(digit: str) -> bytes:
    message = {"event": "dtmf", "sequenceNumber": "5", "streamSid": STREAM}
    return masked(1, json.dumps({**message, "dtmf": {"track": "inbound_track", "digit": digit}}).encode())


class TestSlowPlan:
    """A plan that has to be fetched from somewhere, while two may wait."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_waiting=2)

    @pytest.fixture
    def plans(self, plan: CallPlan) -> SlowPlans:
        return SlowPlans(plan)

    async def test_what_comes_meanwhile_is_kept_in_order(self, desk: Desk, plans: SlowPlans) -> None:
        start = masked(1, json.dumps(start_message()).encode())
        _, writer = await talk(desk, UPGRADE + start + pressed("1") + pressed("2"))
        await plans.asked.wait()
        writer.write(pressed("3") + pressed("4"))
        other = desk.url + "/healthz"
        async with desk.session.get(other) as response:  # the server has turned its loop meanwhile
            assert response.status == 200
        plans.ready.set()
        writer.write(pressed("5") + masked(8, b""))
        events = await events_of(desk)
        assert [event.digit for event in events if isinstance(event, DigitPressed)] == ["1", "2", "3", "4", "5"]
        writer.close()

    async def test_the_plan_of_a_socket_that_is_over_is_not_waited_for(self, desk: Desk, plans: SlowPlans) -> None:
        _, writer = await talk(desk, UPGRADE + masked(1, json.dumps(start_message()).encode()))
        await plans.asked.wait()
        desk.worker.shut("media_lost", "over")
        writer.write(masked(8, b"\x03\xe8"))
        await desk.until_idle()
        assert desk.folder.events("").parent.exists() and not list(desk.folder.events("").parent.iterdir())
        writer.close()

    async def test_who_waits_for_a_plan_makes_no_way(self, desk: Desk, plans: SlowPlans) -> None:
        start = masked(1, json.dumps(start_message()).encode())
        waiting = [await talk(desk, UPGRADE + start) for _ in range(2)]
        await plans.asked.wait()
        answer, writer = await talk(desk, UPGRADE, until=b"never")
        assert answer.startswith(b"HTTP/1.1 503") and b"Retry-After: 5\r\n" in answer and answer.endswith(b"crowded")
        assert desk.count("vocalized_media_refused_total", reason="crowded") == 1
        plans.ready.set()
        await desk.until_calls(2)
        for _, caller in (*waiting, (answer, writer)):
            caller.close()

    async def test_a_stream_without_plan_is_refused_with_the_reason(self, desk: Desk, plans: SlowPlans) -> None:
        plans.reason = "no such number"
        plans.ready.set()
        start = masked(1, json.dumps(start_message()).encode())
        answer, writer = await talk(desk, UPGRADE + start + pressed("1"), until=b"no such number")
        assert answer.endswith(b"\x03\xf0no such number")
        assert desk.count("vocalized_media_refused_total", reason="no_plan") == 1
        writer.close()
