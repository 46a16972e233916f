"""The outbox: in order, bounded, closed after what is queued, and never stuck for long."""

import asyncio
from typing import cast

import pytest
from aiohttp import WSMsgType, web

from media.server.outbox import Outbox, SocketStuck
from tests.virtual_time import clock_ms, run_virtual


class Socket:
    """A socket that takes `takes_s` for each frame."""

    def __init__(self, takes_s: float = 0.0) -> None:
        self.takes_s = takes_s
        self.frames: list[tuple[bytes, WSMsgType]] = []

    async def send_frame(self, message: bytes, opcode: WSMsgType) -> None:
        await asyncio.sleep(self.takes_s)
        self.frames.append((message, opcode))


class BrokenSocket(Socket):
    async def send_frame(self, message: bytes, opcode: WSMsgType) -> None:
        raise ConnectionResetError("gone")


def outbox(socket: Socket, max_bytes: int = 1_000) -> Outbox:
    return Outbox(cast(web.WebSocketResponse, socket), send_timeout_s=5.0, max_bytes=max_bytes)


def test_sends_in_order_text_as_text_and_bytes_as_binary() -> None:
    socket = Socket(0.1)

    async def scenario() -> None:
        box = outbox(socket)
        box.put('{"a": "ä"}')
        running = asyncio.create_task(box.run())
        await asyncio.sleep(0.05)
        box.put(b"\x00\x01")
        box.put("last")
        box.close()
        await running

    run_virtual(scenario())
    assert socket.frames == [
        ('{"a": "ä"}'.encode(), WSMsgType.TEXT),
        (b"\x00\x01", WSMsgType.BINARY),
        (b"last", WSMsgType.TEXT),
    ]


def test_waits_for_messages_and_for_the_end() -> None:
    socket = Socket()

    async def scenario() -> float:
        box = outbox(socket)
        loop = asyncio.get_running_loop()
        loop.call_later(3, box.put, "late")
        loop.call_later(7, box.close)
        await box.run()
        return clock_ms()

    assert run_virtual(scenario()) == 7_000
    assert len(socket.frames) == 1


def test_a_socket_that_takes_nothing_is_stuck() -> None:
    async def scenario() -> float:
        box = outbox(Socket(takes_s=1e6))
        box.put("x")
        with pytest.raises(SocketStuck, match="took no data for 5 s"):
            await box.run()
        return clock_ms()

    assert run_virtual(scenario()) == 5_000


def test_too_much_at_once_is_stuck() -> None:
    async def scenario() -> None:
        box = outbox(Socket(), max_bytes=10)
        box.put(b"x" * 11)
        with pytest.raises(SocketStuck, match="11 bytes are waiting"):
            await box.run()

    run_virtual(scenario())


def test_exactly_the_bound_is_fine_and_what_was_sent_no_longer_counts() -> None:
    socket = Socket()

    async def scenario() -> None:
        box = outbox(socket, max_bytes=10)
        running = asyncio.create_task(box.run())
        for _ in range(20):
            box.put(b"x" * 10)
            await asyncio.sleep(0.1)
        box.close()
        await running

    run_virtual(scenario())
    assert len(socket.frames) == 20


def test_a_socket_that_takes_a_little_now_and_then_does_not_hide_a_flood() -> None:
    """It never runs into the time-out of a single frame, and the queue is never empty either."""
    socket = Socket(takes_s=4.0)

    async def scenario() -> None:
        box = outbox(socket, max_bytes=1_000)
        running = asyncio.create_task(box.run())
        while not running.done():
            box.put(b"x" * 100)
            await asyncio.sleep(1)
        with pytest.raises(SocketStuck, match="are waiting"):
            await running

    run_virtual(scenario(), limit_s=60)


def test_a_socket_that_is_gone_is_told_as_it_is() -> None:
    async def scenario() -> None:
        box = outbox(BrokenSocket())
        box.put("x")
        with pytest.raises(ConnectionError):
            await box.run()

    run_virtual(scenario())
