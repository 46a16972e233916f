"""An HTTP server that answers what a test says, byte for byte, and records what it was sent."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

Respond = Callable[[asyncio.StreamWriter], Awaitable[None]]


@dataclass(slots=True)
class HostilePeer:
    """requests: whole requests, as text. sent: bytes of the last answer that went out."""

    url: str = ""
    requests: list[str] = field(default_factory=list)
    answers: list[Respond] = field(default_factory=list)
    sent: int = 0

    def add(self, *answers: Respond) -> None:
        """The next answers; the last one is given to all further requests."""
        self.answers.extend(answers)


def plain(body: bytes | str, status: str = "200 OK", kind: str = "application/json", head: str = "") -> Respond:
    """A whole answer."""
    data = body.encode() if isinstance(body, str) else body

    async def respond(writer: asyncio.StreamWriter) -> None:
        lines = f"Content-Type: {kind}\r\nContent-Length: {len(data)}\r\n{head}Connection: close\r\n"
        writer.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode())
        writer.write(data)

    return respond


async def garbage(writer: asyncio.StreamWriter) -> None:
    """No HTTP."""
    writer.write(b"\x00\xff\x16\x03 not HTTP at all\r\n\r\n")


async def hang(writer: asyncio.StreamWriter) -> None:
    """Nothing, until the client goes."""
    await asyncio.Event().wait()


async def hang_up(writer: asyncio.StreamWriter) -> None:
    """The connection ends without an answer."""
    writer.close()


async def drip(writer: asyncio.StreamWriter) -> None:
    """A byte every 20 ms, for ever: each read succeeds in time."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n")
    while True:
        writer.write(b"a")
        await writer.drain()
        await asyncio.sleep(0.02)


async def crumbs(writer: asyncio.StreamWriter) -> None:
    """100,000 bytes, each in a chunk of its own."""
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n")
    writer.write(b"1\r\na\r\n" * 100_000 + b"0\r\n\r\n")


async def end_stream(writer: asyncio.StreamWriter) -> None:
    """A stream of events that ends and wants to be opened again at once."""
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"
    writer.write(head + b"id: 1\nretry: 0\ndata: \n\n")


def flood(peer: HostilePeer, size: int) -> Respond:
    """A body of `size` bytes."""

    async def respond(writer: asyncio.StreamWriter) -> None:
        writer.write(f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {size}\r\n\r\n".encode())
        part, peer.sent = b"x" * 65_536, 0
        while peer.sent < size:
            writer.write(part)
            peer.sent += len(part)
            await writer.drain()

    return respond


@asynccontextmanager
async def running_peer(*answers: Respond) -> AsyncIterator[HostilePeer]:
    """The server until the block ends."""
    peer = HostilePeer(answers=list(answers))
    tasks: set[asyncio.Task[None]] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            length = next((int(line[15:]) for line in head.split("\r\n") if line.lower()[:15] == "content-length:"), 0)
            peer.requests.append(head + (await reader.readexactly(length)).decode())
            answer = peer.answers.pop(0) if len(peer.answers) > 1 else peer.answers[0]
            await answer(writer)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    peer.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield peer
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
