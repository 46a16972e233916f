"""A WebSocket over a real connection that is stuck, broken or slow to close."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest

from media.server.frames import CloseCode, FrameError
from media.server.websocket import WebSocket
from tests.media.server.phone import PATIENCE_S
from tests.media.server.test_frames import masked


@dataclass
class Listener:
    """Notes what it is told."""

    told: list[str] = field(default_factory=list)
    news: asyncio.Event = field(default_factory=asyncio.Event)

    def on_message(self, payload: bytes, is_text: bool) -> None:
        self._note(f"{'text' if is_text else 'binary'} {payload!r}")

    def on_fault(self, error: FrameError) -> None:
        self._note(f"fault {error.close_code}")

    def on_closed(self, broke: bool) -> None:
        self._note("broke" if broke else "closed")

    async def until(self, what: str) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while what not in self.told:
                self.news.clear()
                await self.news.wait()

    def _note(self, what: str) -> None:
        self.told.append(what)
        self.news.set()


@dataclass
class Line:
    """Our side and the far side, which is a plain blocking socket."""

    ours: WebSocket
    listener: Listener
    far: socket.socket

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.far, data)

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await asyncio.get_running_loop().sock_recv(self.far, size)


@pytest.fixture
async def line() -> AsyncIterator[Line]:
    """A pair of connected sockets."""
    near, far = socket.socketpair()
    far.setblocking(False)
    listener = Listener()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    ours = WebSocket(transport, 1_000)
    ours.receiver = listener
    transport.set_protocol(ours)
    yield Line(ours, listener, far)
    transport.abort()
    await ours.gone(1)
    far.close()


async def test_text_and_bytes_go_both_ways(line: Line) -> None:
    await line.write(masked(1, b"hi") + masked(2, b"\x00"))
    await line.listener.until("binary b'\\x00'")
    assert line.listener.told == ["text b'hi'", "binary b'\\x00'"]
    line.ours.send("ä")
    line.ours.send(b"\x01")
    assert await line.read(100) == b"\x81\x02\xc3\xa4\x82\x01\x01"


async def test_our_close_goes_out_last_and_once_and_waits_for_theirs(line: Line) -> None:
    line.ours.send("last")
    line.ours.close(CloseCode.NORMAL, "")
    line.ours.close(CloseCode.INTERNAL, "too late")
    line.ours.send("later")
    assert await line.read(100) == b"\x81\x04last\x88\x02\x03\xe8"
    await line.write(masked(1, b"dropped") + masked(8, b"\x03\xe8"))
    await line.ours.gone(PATIENCE_S)
    assert await line.read(100) == b""
    assert line.listener.told == []


async def test_their_close_is_seen_though_the_socket_was_paused(line: Line) -> None:
    line.ours.pause()
    line.ours.close(CloseCode.POLICY, "")
    await line.write(masked(8, b"\x03\xf0"))
    assert await line.read(100) == b"\x88\x02\x03\xf0"
    assert await line.read(100) == b""


async def test_a_far_side_that_does_not_close_is_dropped(line: Line) -> None:
    line.ours.close(CloseCode.NORMAL, "")
    await line.ours.gone(0.05)
    assert await line.read(100) == b"\x88\x02\x03\xe8"
    assert await line.read(100) == b""


async def test_a_fault_is_told_once_and_what_follows_is_thrown_away(line: Line) -> None:
    await line.write(masked(1, b"good") + b"\xff" * 2_000)
    await line.listener.until("fault 1002")
    line.ours.close(CloseCode.PROTOCOL_ERROR, "bad_frame")
    await line.write(masked(1, b"more") * 100)
    line.far.close()
    await line.ours.gone(PATIENCE_S)
    assert line.listener.told == ["text b'good'", "fault 1002"]


async def test_leaving_without_a_word_is_told(line: Line) -> None:
    line.far.close()
    await line.listener.until("broke")


async def test_a_close_frame_is_good_order(line: Line) -> None:
    await line.write(masked(8, b""))
    await line.listener.until("closed")
    assert line.listener.told == ["closed"]


async def test_pings_of_a_far_side_that_takes_no_answers_fill_no_memory(line: Line) -> None:
    line.ours.send(b"x" * 10_000_000)
    waiting = line.ours.waiting
    await line.write(masked(9, b"?" * 100) * 1_000 + masked(1, b"hi"))
    await line.listener.until("text b'hi'")
    assert line.ours.waiting <= waiting and line.ours.others == 1_000


async def test_a_paused_socket_is_read_later(line: Line) -> None:
    line.ours.pause()
    await line.write(masked(1, b"kept"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert line.listener.told == []
    line.ours.resume()
    await line.listener.until("text b'kept'")


async def test_a_far_side_that_takes_nothing_is_stuck_since_then(line: Line) -> None:
    line.ours.send("x")
    assert line.ours.stuck_since(10.0) == 0.0
    line.ours.send(b"x" * 10_000_000)
    assert line.ours.waiting > 1_000_000
    line.ours.stuck_since(11.0)
    assert line.ours.stuck_since(14.0) == 3.0
    taken = 0
    while taken < 1_000_000:
        taken += len(await line.read(100_000))
    assert line.ours.stuck_since(15.0) == 0.0
    assert line.ours.stuck_since(17.0) == 2.0


async def test_what_was_taken_in_full_is_never_stuck(line: Line) -> None:
    line.ours.send("x")
    await line.read(10)
    assert [line.ours.stuck_since(now) for now in (1.0, 100.0, 1_000.0)] == [0.0] * 3
