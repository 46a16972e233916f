"""A client WebSocket to a vendor, against a real server over TLS."""

import asyncio
import base64
import hashlib
import os
import ssl
import weakref
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from socket import SO_SNDBUF, SOL_SOCKET

import pytest
from aiohttp import WSMsgType, web

from media.audio.mulaw import RATE
from media.providers.chain.replay_buffer import MAX_S, PIECE
from media.providers.ports import KeyRefused, ProviderBusy, ProviderError, ProviderSlow
from media.providers.tls import MAX_HOSTS, ResumingTlsContext
from media.providers.vendor_socket import ABNORMAL, MAX_UNSENT_BYTES, SocketTarget, VendorSocket
from shared.egress import EgressGuard
from simulator.vendors.certificate import make_certificate
from simulator.vendors.server import reset_connection, running_vendor


class Recorder:
    """Keeps what a socket reports."""

    def __init__(self) -> None:
        self.messages: list[str | bytes] = []
        self.closed: list[tuple[int, str]] = []
        self.changed = asyncio.Event()

    def on_text(self, message: bytes) -> None:
        self.messages.append(message.decode())
        self.changed.set()

    def on_binary(self, message: bytes) -> None:
        self.messages.append(message)
        self.changed.set()

    def on_closed(self, code: int, reason: str) -> None:
        self.closed.append((code, reason))
        self.changed.set()

    async def wait_for(self, count: int) -> None:
        """Waits for so many reports."""
        async with asyncio.timeout(30):
            while len(self.messages) + len(self.closed) < count:
                self.changed.clear()
                await self.changed.wait()


async def serve(request: web.Request) -> web.StreamResponse:
    """Does what the path says."""
    match request.match_info["what"]:
        case "refuse":
            reset_connection(request)
            return web.Response()
        case "never":
            await asyncio.sleep(60)
        case status if status.isdigit():
            return web.Response(status=int(status), text=f"the key {request.headers.get('x-key')} is wrong")
    socket = web.WebSocketResponse(compress=False)
    await socket.prepare(request)
    if request.match_info["what"] == "count":
        return await _count(socket)
    if request.match_info["what"] == "deaf":
        assert request.transport is not None
        request.transport.pause_reading()
        await asyncio.sleep(60)
    async for message in socket:
        if message.data == "close":
            await socket.close(code=4001, message=b"bye")
        elif message.data == "cut":
            reset_connection(request)
        elif message.data == "fragments":
            await _send_fragments(socket)
        elif message.type == WSMsgType.TEXT:
            await socket.send_str(message.data)
        else:
            await socket.send_bytes(message.data)
    return socket


async def _count(socket: web.WebSocketResponse) -> web.WebSocketResponse:
    """Answers 'end' with the number of bytes that came before it."""
    count = 0
    async for message in socket:
        if message.data == "end":
            await socket.send_str(str(count))
        else:
            count += len(message.data)
    return socket


async def _send_fragments(socket: web.WebSocketResponse) -> None:
    writer = socket._writer  # aiohttp itself never fragments
    assert writer is not None
    for opcode, payload, fin in ((1, b"one ", False), (0, b"message", True)):
        writer.transport.write(bytes([(0x80 if fin else 0) | opcode, len(payload)]) + payload)


@pytest.fixture
async def target(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[SocketTarget]:
    certificate = make_certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate.authority))
    async with running_vendor([web.get("/{what}", serve)], certificate) as address:
        yield SocketTarget("v", f"wss://{address}/", {"x-key": "secret"}, ResumingTlsContext(), timeout_s=1.0)


def path(target: SocketTarget, what: str, timeout_s: float = 1.0) -> SocketTarget:
    return SocketTarget(target.provider, target.url + what, target.headers, target.tls, timeout_s)


async def test_messages_go_both_ways(target: SocketTarget) -> None:
    recorder = Recorder()
    socket = await VendorSocket.open(path(target, "echo"), recorder)
    socket.send_text('{"type": "Finalize"}')
    socket.send_binary(b"\xff" * 160)
    socket.send_text("fragments")
    await recorder.wait_for(3)
    assert recorder.messages == ['{"type": "Finalize"}', b"\xff" * 160, "one message"]
    await socket.close()
    assert recorder.closed == []
    assert not socket.is_open
    socket.send_text("nothing happens")


async def test_the_vendors_close_is_reported_with_its_code(target: SocketTarget) -> None:
    recorder = Recorder()
    socket = await VendorSocket.open(path(target, "echo"), recorder)
    socket.send_text("close")
    await recorder.wait_for(1)
    assert recorder.closed == [(4001, "bye")]
    await socket.close()


async def test_a_connection_that_breaks_is_reported_once(target: SocketTarget) -> None:
    recorder = Recorder()
    socket = await VendorSocket.open(path(target, "echo"), recorder)
    socket.send_text("cut")
    await recorder.wait_for(1)
    socket.abort()
    assert recorder.closed == [(ABNORMAL, "")]


@pytest.mark.parametrize(
    ("what", "kind", "retryable"),
    [
        ("401", KeyRefused, False),
        ("429", ProviderBusy, True),
        ("500", ProviderError, True),
        ("460", ProviderError, False),  # no status that HTTP defines, as all below
        ("520", ProviderError, True),
        ("529", ProviderBusy, True),
        ("999", ProviderError, True),
    ],
)
async def test_a_refusal_is_an_error_without_the_vendors_text(
    target: SocketTarget, what: str, kind: type[ProviderError], retryable: bool
) -> None:
    with pytest.raises(kind) as caught:
        await VendorSocket.open(path(target, what), Recorder())
    assert str(caught.value) == f"v: HTTP {what}"
    assert caught.value.retryable is retryable


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"HTTP/1.1 529 ", "HTTP 529"),
        (b"HTTP/1.1 529", "HTTP 529"),
        (b"HTTP/1.0 502 Bad Gateway", "HTTP 502"),
        (b"HTTP/1.1 5290 Overloaded", "an unreadable answer"),
        (b"HTTP/1.1 52 Overloaded", "an unreadable answer"),
        (b"SMTP 529 Overloaded", "an unreadable answer"),
    ],
)
async def test_any_status_of_three_digits_is_read(target: SocketTarget, line: bytes, reason: str) -> None:
    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(line + b"\r\nContent-Length: 0\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(ProviderError) as caught:
            await VendorSocket.open(replace(target, url=f"ws://127.0.0.1:{port}/"), Recorder())
    assert str(caught.value) == f"v: {reason}"


async def test_connecting_is_bounded(target: SocketTarget) -> None:
    with pytest.raises(ProviderSlow):
        await VendorSocket.open(path(target, "never", 0.1), Recorder())
    with pytest.raises(ProviderError):
        await VendorSocket.open(path(target, "refuse"), Recorder())
    nobody = SocketTarget("v", "wss://127.0.0.1:1/", {}, target.tls)
    with pytest.raises(ProviderError, match="cannot connect"):
        await VendorSocket.open(nobody, Recorder())


async def test_a_vendor_that_reads_nothing_is_given_up(target: SocketTarget) -> None:
    recorder = Recorder()
    socket = await VendorSocket.open(path(target, "deaf"), recorder)
    piece = os.urandom(MAX_UNSENT_BYTES // 4)
    for _ in range(1_000):
        socket.send_binary(piece)
        if recorder.closed:
            break
        await asyncio.sleep(0)
    assert recorder.closed == [(ABNORMAL, "the vendor does not read")]


async def test_all_audio_that_a_chain_replays_can_be_sent_at_once(target: SocketTarget) -> None:
    recorder = Recorder()
    socket = await VendorSocket.open(path(target, "count"), recorder)
    transport = socket._listener.transport
    assert transport is not None
    system_socket = transport.underlying_transport.get_extra_info("socket")
    system_socket.setsockopt(SOL_SOCKET, SO_SNDBUF, 8_192)  # as at a distance; loopback takes megabytes
    for _ in range(MAX_S * RATE // PIECE):
        socket.send_binary(b"\xff" * PIECE)
    socket.send_text("end")
    await recorder.wait_for(1)
    assert (recorder.messages, recorder.closed) == ([str(MAX_S * RATE)], [])
    await socket.close()


@pytest.mark.parametrize("answers", [False, True])
async def test_a_connection_that_was_given_up_in_its_handshake_is_closed(answers: bool) -> None:
    """Also when the vendor answers afterwards."""
    asked, given_up, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def serve_late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await reader.readuntil(b"\r\n\r\n")
        asked.set()
        await given_up.wait()
        if answers:
            writer.write(_accept(request))
        await reader.read()
        ended.set()
        writer.close()

    server = await asyncio.start_server(serve_late, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    recorder = Recorder()
    async with server, asyncio.timeout(30):
        target = SocketTarget("v", url, {}, ResumingTlsContext(), timeout_s=3.0 if answers else 0.2)
        opening = asyncio.create_task(VendorSocket.open(target, recorder))
        await asked.wait()
        opening.cancel()
        await asyncio.gather(opening, return_exceptions=True)
        given_up.set()
        async with asyncio.timeout(30):
            await ended.wait()
    assert opening.cancelled()
    assert recorder.closed == []


def _accept(request: bytes) -> bytes:
    """The answer that accepts a WebSocket (RFC 6455, 4.2.2)."""
    key = request.lower().partition(b"sec-websocket-key:")[0]
    sent = request[len(key) :].partition(b":")[2].partition(b"\r\n")[0].strip()
    accept = base64.b64encode(hashlib.sha1(sent + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
    head = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    return head + b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"


@pytest.mark.parametrize("host", ["a..b", "x" * 64 + ".com", "localhost:99999"])
async def test_an_impossible_address_is_an_error_of_the_provider(host: str) -> None:
    with pytest.raises(ProviderError, match="cannot connect"):
        await VendorSocket.open(SocketTarget("v", f"wss://{host}/", {}, ResumingTlsContext()), Recorder())


async def test_a_further_connection_resumes_the_tls_session(target: SocketTarget) -> None:
    reused = []
    for _ in range(2):
        recorder = Recorder()
        socket = await VendorSocket.open(path(target, "echo"), recorder)
        socket.send_text("hello")  # the session's ticket comes with the first data
        await recorder.wait_for(1)
        reused.append(target.tls._latest["127.0.0.1"].connection.session_reused)
        await socket.close()
    assert reused == [False, True]


async def test_connections_at_the_same_time_are_opened(target: SocketTarget) -> None:
    """While the first handshake with a host goes on, it has no session that others could resume."""
    sockets = await asyncio.gather(*(VendorSocket.open(path(target, "echo"), Recorder()) for _ in range(3)))
    assert all(socket.is_open for socket in sockets)
    for socket in sockets:
        await socket.close()


async def test_a_handshake_that_failed_does_not_harm_the_next_one(target: SocketTarget) -> None:
    listening = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    with pytest.raises(ProviderError):
        await VendorSocket.open(replace(target, url=f"wss://127.0.0.1:{port}/"), Recorder())
    listening.close()
    socket = await VendorSocket.open(path(target, "echo"), Recorder())
    assert socket.is_open
    await socket.close()


async def test_an_unknown_authority_is_refused(target: SocketTarget, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    stranger = SocketTarget("v", target.url + "echo", {}, ResumingTlsContext())
    with pytest.raises(ProviderError, match="cannot connect: SSLCertVerificationError"):
        await VendorSocket.open(stranger, Recorder())
    assert stranger.tls.verify_mode == ssl.CERT_REQUIRED


async def test_a_guarded_socket_reaches_allowed_addresses_only(target: SocketTarget) -> None:
    recorder = Recorder()
    guard = EgressGuard(["127.0.0.1"])
    socket = await VendorSocket.open(replace(path(target, "echo"), guard=guard), recorder)
    socket.send_text("hello")
    await recorder.wait_for(1)
    assert recorder.messages == ["hello"]
    await socket.close()
    with pytest.raises(ProviderError, match="cannot connect: EgressRefused"):
        await VendorSocket.open(replace(path(target, "echo"), guard=EgressGuard()), Recorder())


def test_sessions_are_kept_of_so_many_hosts_only() -> None:
    context = ResumingTlsContext()
    first = weakref.ref(context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname="first.example.com"))
    for count in range(MAX_HOSTS):
        assert first() is not None
        context.wrap_bio(ssl.MemoryBIO(), ssl.MemoryBIO(), server_hostname=f"h{count}.example.com")
    assert first() is None
