"""Serves gRPC and HTTP/1.1 on one port, as Google does.

A connection goes to the server for the protocol that its client offers in the TLS handshake (ALPN, RFC 7301). Its bytes
are forwarded unchanged.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Final

_HANDSHAKE, _CLIENT_HELLO, _ALPN = 22, 1, 16
_GREETING_S: Final = 5.0
_PIECE: Final = 65_536


class NoGreeting(ValueError):
    """The bytes are not the beginning of a TLS connection."""


@dataclass(slots=True)
class _Bytes:
    """Reads a structure from beginning to end."""

    data: bytes
    at: int = 0

    def take(self, count: int) -> bytes:
        """Return the next bytes. Raises NoGreeting."""
        self.at += count
        if self.at > len(self.data):
            raise NoGreeting("cut off")
        return self.data[self.at - count : self.at]

    def number(self, size: int) -> int:
        """Return the next number of `size` bytes. Raises NoGreeting."""
        return int.from_bytes(self.take(size), "big")

    def block(self, size: int) -> "_Bytes":
        """Return the next block, which follows its length of `size` bytes. Raises NoGreeting."""
        return _Bytes(self.take(self.number(size)))

    @property
    def is_over(self) -> bool:
        return self.at >= len(self.data)


def offered_protocols(record: bytes) -> tuple[str, ...]:
    """Return the protocols in a client's first TLS record (RFC 8446, 4.1.2). Empty without the extension. Raises
    NoGreeting.
    """
    reader = _Bytes(record)
    if reader.number(1) != _HANDSHAKE:
        raise NoGreeting("no handshake")
    reader.take(4)  # version and length of the record
    if reader.number(1) != _CLIENT_HELLO:
        raise NoGreeting("no client hello")
    hello = reader.block(3)
    hello.take(2 + 32)  # version, random
    for size in (1, 2, 1):  # session, cipher suites, compressions
        hello.block(size)
    extensions = hello.block(2)
    while not extensions.is_over:
        kind, content = extensions.number(2), extensions.block(2)
        if kind == _ALPN:
            return tuple(_names(content.block(2)))
    return ()


def _names(block: _Bytes) -> list[str]:
    names = []
    while not block.is_over:
        names.append(block.block(1).data.decode("ascii", "replace"))
    return names


@dataclass(slots=True)
class ProtocolFront:
    """Forwards connections to the two servers on this machine."""

    grpc_port: int
    http_port: int
    _open: set[asyncio.Task[None]] = field(default_factory=set)

    @asynccontextmanager
    async def running(self, port: int = 0) -> AsyncIterator[int]:
        """Yield the port; 0 selects a free one. Raises OSError if the port is taken."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", port)
        try:
            yield server.sockets[0].getsockname()[1]
        finally:
            server.close()
            for task in self._open:
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._serve(reader, writer))
        self._open.add(task)
        task.add_done_callback(self._open.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Forward a connection. A client that sends no greeting in time is disconnected."""
        try:
            async with asyncio.timeout(_GREETING_S):
                greeting = await _read_record(reader)
            port = self.grpc_port if "h2" in offered_protocols(greeting) else self.http_port
            far_reader, far_writer = await asyncio.open_connection("127.0.0.1", port)
        except (NoGreeting, TimeoutError, OSError, asyncio.IncompleteReadError):
            return _abort(writer)
        far_writer.write(greeting)
        try:
            await asyncio.gather(_copy(reader, far_writer), _copy(far_reader, writer))
        finally:
            _abort(writer)
            _abort(far_writer)


async def _read_record(reader: asyncio.StreamReader) -> bytes:
    head = await reader.readexactly(5)
    return head + await reader.readexactly(int.from_bytes(head[3:], "big"))


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy data until one side ends, then end the other side."""
    with suppress(OSError):
        while piece := await reader.read(_PIECE):
            writer.write(piece)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


def _abort(writer: asyncio.StreamWriter) -> None:
    """Abort a connection. Idempotent."""
    writer.transport.abort()
