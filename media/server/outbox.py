"""Messages on their way to one socket: in order, bounded, and never waited for by the call."""

import asyncio
from collections import deque

from aiohttp import WSMsgType, web


class SocketStuck(Exception):
    """The far side takes no more data."""


class Outbox:
    """A queue that one task (`run`) writes to the socket."""

    def __init__(self, socket: web.WebSocketResponse, *, send_timeout_s: float, max_bytes: int) -> None:
        self._socket = socket
        self._send_timeout_s = send_timeout_s
        self._max_bytes = max_bytes
        self._queue: deque[str | bytes] = deque()
        self._size = 0
        self._closing = False
        self._wake = asyncio.Event()

    def put(self, message: str | bytes) -> None:
        """Queues a message: text as str, binary as bytes. What exceeds the bound makes `run` fail."""
        self._queue.append(message)
        self._size += len(message)
        self._wake.set()

    def close(self) -> None:
        """Ends `run` after everything queued so far."""
        self._closing = True
        self._wake.set()

    async def run(self) -> None:
        """Writes until closed. Raises SocketStuck; ConnectionError when the socket is gone."""
        while True:
            await self._wake.wait()
            self._wake.clear()
            while self._queue:
                # Looked at before each message: a socket that takes a little now and then must not hide a flood.
                if self._size > self._max_bytes:
                    raise SocketStuck(f"{self._size} bytes are waiting to be sent")
                await self._send(self._queue.popleft())
            if self._closing:
                return

    async def _send(self, message: str | bytes) -> None:
        self._size -= len(message)
        kind = WSMsgType.TEXT if isinstance(message, str) else WSMsgType.BINARY
        data = message.encode() if isinstance(message, str) else message
        try:
            async with asyncio.timeout(self._send_timeout_s):
                await self._socket.send_frame(data, kind)
        except TimeoutError as error:
            raise SocketStuck(f"took no data for {self._send_timeout_s:g} s") from error
