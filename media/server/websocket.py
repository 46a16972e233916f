"""One WebSocket after its handshake: messages in and out without a task, a queue or a future for any of them."""

import asyncio
from typing import Protocol

from media.server.frames import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    TEXT,
    CloseCode,
    FrameError,
    FrameReader,
    close_frame,
    frame,
)


class Receiver(Protocol):
    """Who listens to a socket. Never called after `on_closed`."""

    def on_message(self, payload: bytes, is_text: bool) -> None:
        """A message came."""

    def on_fault(self, error: FrameError) -> None:
        """The far side broke the WebSocket protocol: nothing more will come."""

    def on_closed(self, broke: bool) -> None:
        """The far side closed or is gone; `broke`: without a close frame."""


# A far side that sends pings and takes no answers: behind so much, a ping is not answered (section 5.5.3 allows it).
MOST_BEFORE_PONG = 65_536


class WebSocket(asyncio.Protocol):
    """Reads, writes and closes. What cannot be written at once waits in the transport's buffer.

    `receiver` is set by whoever makes it, before the first byte.
    """

    receiver: Receiver

    def __init__(self, transport: asyncio.Transport, max_message_bytes: int) -> None:
        self._transport = transport
        self._reader = FrameReader(max_message_bytes)
        self._written = 0
        self._flushed = (-1, 0.0)  # how many bytes had left at the latest look, and since when it has been so many
        self._closing = False  # our close frame is out
        self._told = False  # the receiver knows of the end
        self._lost = asyncio.get_running_loop().create_future()

    @property
    def others(self) -> int:
        """Frames that came and were no message of their own: pings and the like, fragments."""
        return self._reader.others

    @property
    def waiting(self) -> int:
        """Bytes that the far side has not taken yet."""
        return self._transport.get_write_buffer_size()

    def send(self, message: str | bytes) -> None:
        """Sends text as str, binary as bytes; nothing after a close."""
        if self._closing:
            return
        if isinstance(message, str):
            self._write(frame(TEXT, message.encode()))
        else:
            self._write(frame(BINARY, message))

    def stuck_since(self, now: float) -> float:
        """Seconds for which the far side has taken nothing although something waits, as far as these looks tell."""
        waiting = self.waiting
        flushed, since = self._flushed
        if not waiting or self._written - waiting != flushed:
            self._flushed = (self._written - waiting, now)
            return 0.0
        return now - since

    def pause(self) -> None:
        """Leaves what comes in the kernel's buffer."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Reads on."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: CloseCode, reason: str) -> None:
        """Begins to close, after everything sent so far; messages that still come are thrown away."""
        self._told = True
        if not self._closing:
            self._closing = True
            self._write(close_frame(code, reason))
            self.resume()  # their close, or that they are gone, must be seen

    def abort(self) -> None:
        """Drops the connection at once."""
        self._transport.abort()

    async def gone(self, within_s: float) -> None:
        """Waits until the connection is down; drops it when the far side does not close in time."""
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._lost)
        except TimeoutError:
            self._transport.abort()

    # --- asyncio.Protocol ---

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        reader = self._reader
        for opcode, payload in reader.feed(data):
            if opcode <= BINARY:
                if not self._told:
                    self.receiver.on_message(payload, opcode == TEXT)
            else:
                self._control(opcode, payload)
        if reader.fault is not None and not self._told:
            self._told = True
            self.receiver.on_fault(reader.fault)

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is down."""
        self._closing = True
        if not self._lost.done():
            self._lost.set_result(None)
        self._tell(broke=True)
        del self.receiver  # it holds this socket: both must go without the collector

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and not self._closing and self.waiting <= MOST_BEFORE_PONG:
            self._write(frame(PONG, payload))
        elif opcode == CLOSE:
            if not self._closing:
                self._closing = True
                self._write(frame(CLOSE, payload[:2]))
            self._transport.close()
            self._tell(broke=False)

    def _tell(self, broke: bool) -> None:
        if not self._told:
            self._told = True
            self.receiver.on_closed(broke)

    def _write(self, data: bytes) -> None:
        self._written += len(data)
        self._transport.write(data)
