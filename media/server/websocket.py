"""A WebSocket after its handshake, without a task, queue or future per message."""

import asyncio
from socket import SO_SNDBUF, SOL_SOCKET
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
    encode_close,
    encode_frame,
)
from shared.refcycles import break_cycle


class Receiver(Protocol):
    """Callbacks of a socket. No callback follows `on_closed`."""

    def on_message(self, payload: bytes, is_text: bool) -> None:
        """Called for each message."""

    def on_fault(self, error: FrameError) -> None:
        """Called if the peer violated the WebSocket protocol. No further callback follows."""

    def on_closed(self, broke: bool) -> None:
        """Called when the peer has closed the connection.

        Args:
            broke: The connection ended without a close frame.
        """


# Above this number of unsent bytes, pings are not answered, as a defense against a peer that sends pings without
# reading (RFC 6455, section 5.5.3: only the latest ping must be answered).
MAX_UNSENT_BEFORE_PONG = 65_536


class WebSocket(asyncio.Protocol):
    """Reads, writes and closes one socket.

    Messages that are sent in one pass of the event loop are written together in the next pass. Data that cannot be
    written then waits in the transport's buffer.

    Attributes:
        receiver: The callbacks, which the creator must set before the first byte.
    """

    __slots__ = (
        "__weakref__", "_batch", "_batch_bytes", "_call_soon", "_closing", "_end_reported", "_flushed", "_lost",
        "_reader", "_transport", "_written", "receiver",
    )  # fmt: skip

    receiver: Receiver

    def __init__(self, transport: asyncio.Transport, max_message_bytes: int) -> None:
        loop = asyncio.get_running_loop()
        self._transport = transport
        self._call_soon = loop.call_soon
        self._reader = FrameReader(max_message_bytes)
        self._batch: list[bytes] = []  # the messages of this pass of the event loop
        self._batch_bytes = 0
        self._written = 0
        # The number of bytes that had been sent at the latest check, and the time since which this number has not
        # changed.
        self._flushed = (-1, 0.0)
        self._closing = False  # whether our close frame was sent
        self._end_reported = False  # whether the last callback was made
        self._lost = loop.create_future()

    @property
    def other_frames(self) -> int:
        """The number of received control frames and fragments."""
        return self._reader.other_frames

    @property
    def unsent_bytes(self) -> int:
        """The number of bytes that the kernel has not accepted yet."""
        return self._batch_bytes + self._transport.get_write_buffer_size()

    def send(self, message: str | bytes) -> None:
        """Send a str as a text message or bytes as a binary message. Does nothing after a close."""
        if self._closing:
            return
        if isinstance(message, str):
            self._write(encode_frame(TEXT, message.encode()))
        else:
            self._write(encode_frame(BINARY, message))

    def limit_kernel_buffer(self, size: int) -> None:
        """Set how many bytes the kernel buffers for the peer (SO_SNDBUF)."""
        self._transport.get_extra_info("socket").setsockopt(SOL_SOCKET, SO_SNDBUF, size)

    def ping(self) -> None:
        """Send a ping, which the peer must answer with a pong (RFC 6455, section 5.5.2)."""
        if not self._closing and self.unsent_bytes <= MAX_UNSENT_BEFORE_PONG:
            self._write(encode_frame(PING, b""))

    def stalled_for(self, now: float) -> float:
        """Return for how many seconds, between calls of this method, the peer has accepted no data while bytes were
        waiting."""
        self._flush()  # offers the latest bytes to the peer first
        waiting = self.unsent_bytes
        flushed, since = self._flushed
        if not waiting or self._written - waiting != flushed:
            self._flushed = (self._written - waiting, now)
            return 0.0
        return now - since

    def forgive(self, seconds: float) -> None:
        """Exclude this many seconds from the time in which the peer has accepted no data."""
        flushed, since = self._flushed
        self._flushed = (flushed, since + seconds)

    def pause(self) -> None:
        """Stop reading. Incoming data stays in the kernel's buffer."""
        self._transport.pause_reading()

    def resume(self) -> None:
        """Resume reading."""
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def close(self, code: CloseCode, reason: str) -> None:
        """Start the closing handshake after all data sent so far. Further messages are discarded."""
        self._end_reported = True
        if not self._closing:
            self._closing = True
            self._write(encode_close(code, reason))
            self.resume()  # to receive the peer's close frame or end of file

    def abort(self) -> None:
        """Drop the connection at once."""
        self._transport.abort()

    async def wait_closed(self, within_s: float) -> None:
        """Wait until the connection is closed. Abort it if the peer does not close in time."""
        try:
            async with asyncio.timeout(within_s):
                await asyncio.shield(self._lost)
        except TimeoutError:
            self._transport.abort()

    # --- asyncio.Protocol ---

    def data_received(self, data: bytes) -> None:
        """Process received bytes."""
        reader = self._reader
        for opcode, payload in reader.feed(data):
            if opcode <= BINARY:
                if not self._end_reported:
                    self.receiver.on_message(payload, opcode == TEXT)
            else:
                self._control(opcode, payload)
        if reader.fault is not None and not self._end_reported:
            self._end_reported = True
            self.receiver.on_fault(reader.fault)

    def eof_received(self) -> None:
        """Flush, because the peer sends no more data and the transport closes after all sent data."""
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Report the closed connection and release the receiver."""
        self._closing = True
        self._clear_batch()
        if not self._lost.done():
            self._lost.set_result(None)
        self._report_closed(broke=True)
        break_cycle(self, "receiver")

    def _control(self, opcode: int, payload: bytes) -> None:
        if opcode == PING and not self._closing and self.unsent_bytes <= MAX_UNSENT_BEFORE_PONG:
            self._write(encode_frame(PONG, payload))
        elif opcode == CLOSE:
            if not self._closing:
                self._closing = True
                self._write(encode_frame(CLOSE, payload[:2]))
            self._flush()
            self._transport.close()
            self._report_closed(broke=False)

    def _report_closed(self, broke: bool) -> None:
        if not self._end_reported:
            self._end_reported = True
            self.receiver.on_closed(broke)

    def _write(self, data: bytes) -> None:
        """Queue data. All data that is sent in one pass of the event loop, such as audio and its marks, is written
        together.

        A separate write for each message would cost more than the message itself.
        """
        self._written += len(data)
        if not self._batch:
            self._call_soon(self._flush)
        self._batch.append(data)
        self._batch_bytes += len(data)

    def _flush(self) -> None:
        if not self._batch:
            return  # already flushed, or the connection was lost
        data = self._batch[0] if len(self._batch) == 1 else b"".join(self._batch)
        self._clear_batch()
        self._transport.write(data)

    def _clear_batch(self) -> None:
        self._batch.clear()
        self._batch_bytes = 0
