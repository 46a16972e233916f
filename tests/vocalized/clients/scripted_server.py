"""A server of HTTP on a real socket that answers each request as its script says, and remembers what it was asked."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

# Bytes to write before closing: none, a whole answer, or a part. A coroutine makes them of the request.
Step = bytes | Callable[["ReceivedRequest"], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class ReceivedRequest:
    """headers: by lower-case name. raw: all bytes."""

    line: str
    headers: dict[str, str]
    body: bytes
    raw: bytes


@dataclass(slots=True)
class ScriptedServer:
    """steps: one for each request; the last one is for all further ones."""

    steps: Sequence[Step]
    port: int = 0
    received: list[ReceivedRequest] = field(default_factory=list)
    was_asked: asyncio.Event = field(default_factory=asyncio.Event)
    is_over: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            request = await _read_request(reader)
            step = self.steps[min(len(self.received), len(self.steps) - 1)]
            self.received.append(request)
            self.was_asked.set()
            writer.write(step if isinstance(step, bytes) else await step(request))
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def hang(self, _: ReceivedRequest) -> bytes:
        """A step: no answer until the server ends."""
        await asyncio.wait_for(self.is_over.wait(), 30)
        return b""


@asynccontextmanager
async def scripted_server(*steps: Step) -> AsyncIterator[ScriptedServer]:
    """The running server."""
    scripted = ScriptedServer(steps)
    server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
    scripted.port = server.sockets[0].getsockname()[1]
    try:
        yield scripted
    finally:
        scripted.is_over.set()
        server.close()


def answer(status: int, body: Any = None, **headers: str) -> bytes:
    """A whole answer; bytes as they are, else JSON. Names of headers with _ for -."""
    content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, "", ""]).encode() + content


def error(status: int, code: str, **headers: str) -> bytes:
    """An error as the API answers it."""
    found: dict[str, Any] = {
        "type": "x",
        "code": code,
        "message": "No.",
        "param": None,
        "errors": [],
        "request_id": "r1",
    }
    return answer(status, {"error": found}, **headers)


async def forward(request: ReceivedRequest, url: str) -> bytes:
    """What the API at this address answers to the request."""
    host, _, port = url.removeprefix("http://").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = request.raw.removesuffix(request.body).strip()
    lines = [line for line in head.split(b"\r\n") if not line.lower().startswith((b"connection:", b"host:"))]
    lines += [b"Host: " + host.encode(), b"Connection: close"]
    writer.write(b"\r\n".join([*lines, b"", b""]) + request.body)
    try:
        return await reader.read()
    finally:
        writer.close()


async def _read_request(reader: asyncio.StreamReader) -> ReceivedRequest:
    head = await reader.readuntil(b"\r\n\r\n")
    line, *pairs = head.decode().strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (pair.partition(":") for pair in pairs)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    return ReceivedRequest(line, headers, body, head + body)
