"""A WebSocket over a real connection: stalled, broken, or slow to close."""

import asyncio
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from unittest.mock import Mock

import pytest

from media.server.frames import CloseCode, FrameError
from media.server.websocket import WebSocket
from tests.media.server.phone import WAIT_LIMIT_S
from tests.media.server.test_frames import masked


@dataclass
class RecordingReceiver:
    """A receiver that records its callbacks."""

    calls: list[str] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def on_message(self, payload: bytes, is_text: bool) -> None:
        self._record(f"{'text' if is_text else 'binary'} {payload!r}")

    def on_fault(self, error: FrameError) -> None:
        self._record(f"fault {error.close_code}")

    def on_closed(self, broke: bool) -> None:
        self._record("broke" if broke else "closed")

    async def wait_for(self, what: str) -> None:
        async with asyncio.timeout(WAIT_LIMIT_S):
            while what not in self.calls:
                self.changed.clear()
                await self.changed.wait()

    def _record(self, what: str) -> None:
        self.calls.append(what)
        self.changed.set()


@dataclass
class Connection:
    """Our WebSocket and the peer, a plain socket."""

    ours: WebSocket
    receiver: RecordingReceiver
    peer: socket.socket

    async def write(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.peer, data)

    async def read(self, size: int) -> bytes:
        async with asyncio.timeout(WAIT_LIMIT_S):
            return await asyncio.get_running_loop().sock_recv(self.peer, size)


@pytest.fixture
async def connection() -> AsyncIterator[Connection]:
    """A pair of connected sockets."""
    near, peer = socket.socketpair()
    peer.setblocking(False)
    receiver = RecordingReceiver()
    transport, _ = await asyncio.get_running_loop().create_connection(asyncio.Protocol, sock=near)
    ours = WebSocket(transport, 1_000)
    ours.receiver = receiver
    transport.set_protocol(ours)
    yield Connection(ours, receiver, peer)
    transport.abort()
    await ours.wait_closed(1)
    peer.close()


async def test_text_and_binary_messages_go_both_ways(connection: Connection) -> None:
    await connection.write(masked(1, b"hi") + masked(2, b"\x00"))
    await connection.receiver.wait_for("binary b'\\x00'")
    assert connection.receiver.calls == ["text b'hi'", "binary b'\\x00'"]
    connection.ours.send("ä")
    connection.ours.send(b"\x01")
    assert await connection.read(100) == b"\x81\x02\xc3\xa4\x82\x01\x01"


async def test_messages_of_one_loop_pass_are_written_together(
    connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[bytes] = []
    write = connection.ours._transport.write

    def record(data: bytes) -> None:
        written.append(data)
        write(data)

    monkeypatch.setattr(connection.ours, "_transport", Mock(wraps=connection.ours._transport, write=record))
    connection.ours.send("audio")
    connection.ours.send("mark")
    assert connection.ours.unsent_bytes == 13
    await connection.read(100)
    connection.ours.send("clear")
    assert await connection.read(100) == b"\x81\x05clear"
    assert written == [b"\x81\x05audio\x81\x04mark", b"\x81\x05clear"]
    assert connection.ours.unsent_bytes == 0


async def test_sends_pings_until_it_closes(connection: Connection) -> None:
    connection.ours.ping()
    assert await connection.read(100) == b"\x89\x00"
    connection.ours.close(CloseCode.NORMAL, "")
    connection.ours.ping()
    assert await connection.read(100) == b"\x88\x02\x03\xe8"


async def test_drops_messages_that_a_lost_connection_did_not_accept(connection: Connection) -> None:
    connection.ours.send("audio")
    connection.ours.abort()
    connection.ours.send("mark")
    await connection.ours.wait_closed(WAIT_LIMIT_S)
    assert connection.ours.unsent_bytes == 0


async def test_a_peer_that_sends_no_more_gets_what_was_sent(connection: Connection) -> None:
    asyncio.get_running_loop().call_soon(connection.ours.send, "last")
    connection.peer.shutdown(socket.SHUT_WR)
    assert await connection.read(100) == b"\x81\x04last"


async def test_our_close_is_sent_last_and_once_and_waits_for_the_peers(connection: Connection) -> None:
    connection.ours.send("last")
    connection.ours.close(CloseCode.NORMAL, "")
    connection.ours.close(CloseCode.INTERNAL, "too late")
    connection.ours.send("later")
    assert await connection.read(100) == b"\x81\x04last\x88\x02\x03\xe8"
    await connection.write(masked(1, b"dropped") + masked(8, b"\x03\xe8"))
    await connection.ours.wait_closed(WAIT_LIMIT_S)
    assert await connection.read(100) == b""
    assert connection.receiver.calls == []


async def test_peers_close_is_received_on_a_paused_socket(connection: Connection) -> None:
    connection.ours.pause()
    connection.ours.close(CloseCode.POLICY, "")
    await connection.write(masked(8, b"\x03\xf0"))
    assert await connection.read(100) == b"\x88\x02\x03\xf0"
    assert await connection.read(100) == b""


async def test_peer_that_does_not_close_is_disconnected(connection: Connection) -> None:
    connection.ours.close(CloseCode.NORMAL, "")
    await connection.ours.wait_closed(0.05)
    assert await connection.read(100) == b"\x88\x02\x03\xe8"
    assert await connection.read(100) == b""


async def test_fault_is_reported_once_and_later_data_is_discarded(connection: Connection) -> None:
    await connection.write(masked(1, b"good") + b"\xff" * 2_000)
    await connection.receiver.wait_for("fault 1002")
    connection.ours.close(CloseCode.PROTOCOL_ERROR, "bad_frame")
    await connection.write(masked(1, b"more") * 100)
    connection.peer.close()
    await connection.ours.wait_closed(WAIT_LIMIT_S)
    assert connection.receiver.calls == ["text b'good'", "fault 1002"]


async def test_disconnect_without_close_frame_is_reported(connection: Connection) -> None:
    connection.peer.close()
    await connection.receiver.wait_for("broke")


async def test_close_frame_is_reported_as_closed(connection: Connection) -> None:
    await connection.write(masked(8, b""))
    await connection.receiver.wait_for("closed")
    assert connection.receiver.calls == ["closed"]


async def test_pings_of_a_peer_that_reads_nothing_are_not_buffered(connection: Connection) -> None:
    connection.ours.send(b"x" * 10_000_000)
    waiting = connection.ours.unsent_bytes
    await connection.write(masked(9, b"?" * 100) * 1_000 + masked(1, b"hi"))
    await connection.receiver.wait_for("text b'hi'")
    assert connection.ours.unsent_bytes <= waiting and connection.ours.other_frames == 1_000


async def test_paused_socket_is_read_after_resume(connection: Connection) -> None:
    connection.ours.pause()
    await connection.write(masked(1, b"hi"))
    for _ in range(5):
        await asyncio.sleep(0)
    assert connection.receiver.calls == []
    connection.ours.resume()
    await connection.receiver.wait_for("text b'hi'")


async def test_stall_is_measured_from_the_last_progress(connection: Connection) -> None:
    connection.ours.send("x")
    assert connection.ours.stalled_for(10.0) == 0.0
    connection.ours.send(b"x" * 10_000_000)
    assert connection.ours.unsent_bytes > 1_000_000
    connection.ours.stalled_for(11.0)
    assert connection.ours.stalled_for(14.0) == 3.0
    connection.ours.forgive(2.5)
    assert connection.ours.stalled_for(14.0) == 0.5, "our process stood still for the rest"
    received = 0
    while received < 1_000_000:
        received += len(await connection.read(100_000))
    assert connection.ours.stalled_for(15.0) == 0.0
    assert connection.ours.stalled_for(17.0) == 2.0


async def test_socket_without_unsent_data_is_not_stalled(connection: Connection) -> None:
    connection.ours.send("x")
    await connection.read(10)
    assert [connection.ours.stalled_for(now) for now in (1.0, 100.0, 1_000.0)] == [0.0] * 3
