"""A file of unknown length as a response, created from the database while it is sent."""

import asyncio
import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from struct import pack
from typing import Final

import asyncpg  # type: ignore[import-untyped]
import structlog
from aiohttp import web
from aiohttp.abc import AbstractStreamWriter
from aiohttp.payload import Payload

from control.db.transaction import Transact
from shared.errors import Problem

# SO_LINGER with 0 s: closing the socket sends a reset instead of an orderly end.
_NO_LINGER: Final = pack("ii", 1, 0)

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class StreamedFile:
    """A streamed file as a handler's result.

    Attributes:
        open: Called after the request's transaction with a function that runs further transactions. Yields the chunks.
            Closed early if the client disconnects.
        stall_s: Longest time in seconds without progress of the client.
        longest_s: Longest time in seconds for sending the file.
    """

    name: str
    content_type: str
    open: Callable[[Transact], AsyncGenerator[bytes]]
    stall_s: float
    longest_s: float


def make_streamed_response(request: web.Request, file: StreamedFile, transact: Transact) -> web.Response:
    """Return the response, which has no Content-Length and does not support ranges."""
    headers = {
        "Content-Type": file.content_type,
        "Content-Disposition": f'attachment; filename="{file.name}"',
        "Cache-Control": "private, no-store",
        "X-Accel-Buffering": "no",  # otherwise nginx would write the file to its disk before it waits for the client
    }
    return web.Response(body=_StreamedPayload(request, file, transact), headers=headers)


class _StreamedPayload(Payload):
    """Sends the chunks as fast as the client accepts them."""

    def __init__(self, request: web.Request, file: StreamedFile, transact: Transact) -> None:
        super().__init__(file, content_type=file.content_type)
        self._request, self._file, self._transact = request, file, transact

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Raise TypeError, because the file is read only once, while it is sent."""
        raise TypeError("a streamed file has no text")

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Send the file. Reset the connection if anything fails after the first byte.

        A client of HTTP/1.0, such as a proxy, would interpret a connection that is only closed as the end of the file.
        """
        complete = False
        try:
            await self._send(writer)
            complete = True
        except (Problem, asyncpg.PostgresError, asyncpg.InterfaceError, OSError, TimeoutError) as error:
            log.warning("streamed_file.send_failed", error=type(error).__name__)
            raise ConnectionResetError("the file cannot be completed") from None
        finally:
            if not complete:
                _reset(self._request.transport)

    async def _send(self, writer: AbstractStreamWriter) -> None:
        async with asyncio.timeout(self._file.longest_s), aclosing(self._file.open(self._transact)) as chunks:
            await self._send_chunks(writer, chunks)

    async def _send_chunks(self, writer: AbstractStreamWriter, chunks: AsyncIterator[bytes]) -> None:
        async for chunk in chunks:
            async with asyncio.timeout(self._file.stall_s):
                await writer.write(chunk)


def _reset(transport: asyncio.Transport | None) -> None:
    """End the connection so that its peer sees an error."""
    if transport is None:
        return
    opened = transport.get_extra_info("socket")
    if opened is not None:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
    transport.abort()
