"""A short exchange over a WebSocket: sends messages and reads the first answer.

Uses httpx, so that a customer's address passes the same guard as all other requests. Frames follow RFC 6455, section
5.2.
"""

import base64
import hashlib
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Protocol

import httpcore
import httpx

MAX_MESSAGE_BYTES: Final = 256 * 1024
# Limit of frames before the first message. Empty frames cost the sender two bytes each and us a turn of the event loop.
MAX_FRAMES: Final = 100
_READ_BYTES: Final = 65_536
_ACCEPT_SALT: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_FIN: Final = 0x80
_MASKED: Final = 0x80
_CONTINUATION, _TEXT, _BINARY, _CLOSE, _PING, _PONG = 0, 1, 2, 8, 9, 10
_NORMAL: Final = 1000
# Close code for a connection that ended without a close frame (RFC 6455, section 7.1.5).
ABNORMAL: Final = 1006


class SocketFault(Exception):
    """The server violates the WebSocket protocol. The message describes the violation."""


class ByteStream(Protocol):
    """The connection after an upgrade, as httpcore returns it."""

    async def read(self, max_bytes: int) -> bytes:
        """Read at least one byte. Return an empty result at the end of the connection."""

    async def write(self, buffer: bytes) -> None:
        """Send the whole buffer."""


@dataclass(frozen=True, slots=True)
class SocketAnswer:
    """The first answer of the server.

    Attributes:
        text: The message. None for binary data, or if no message came.
        close_code: 0 unless the server closed the connection.
    """

    text: bytes | None = None
    close_code: int = 0
    close_reason: str = ""


def upgrade_headers() -> dict[str, str]:
    """Return the headers of a WebSocket upgrade request."""
    key = base64.b64encode(os.urandom(16)).decode()
    return {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": key,
    }


async def exchange(
    response: httpx.Response, sent: Mapping[str, str], messages: Sequence[str | bytes], *, skips_text: bool = False
) -> SocketAnswer:
    """Send text or binary messages, return the first answer, and close the connection. Raises SocketFault.

    Args:
        response: The response with status 101.
        sent: The headers of the request.
        skips_text: Whether only audio counts as an answer.
    """
    digest = hashlib.sha1((sent["Sec-WebSocket-Key"] + _ACCEPT_SALT).encode(), usedforsecurity=False).digest()
    if response.headers.get("Sec-WebSocket-Accept", "") != base64.b64encode(digest).decode():
        raise SocketFault("it accepts no WebSocket")
    reader = _FrameReader(response.extensions["network_stream"])
    try:
        for message in messages:
            await reader.stream.write(
                _frame(_TEXT, message.encode()) if isinstance(message, str) else _frame(_BINARY, message)
            )
        answer = await _first_answer(reader, skips_text=skips_text)
    except httpcore.NetworkError:  # httpx maps errors of requests, but not those of the upgraded stream
        return SocketAnswer(close_code=ABNORMAL)
    with suppress(httpcore.NetworkError):  # the server may already have closed
        await reader.stream.write(_frame(_CLOSE, _NORMAL.to_bytes(2, "big")))
    return answer


async def _first_answer(reader: "_FrameReader", *, skips_text: bool) -> SocketAnswer:
    """Return the first answer. Raises SocketFault, httpcore.NetworkError."""
    text = bytearray()
    for _ in range(MAX_FRAMES):
        frame = await reader.read()
        if frame is None:
            return SocketAnswer(close_code=ABNORMAL)
        opcode, is_last, payload = frame
        if opcode == _CLOSE:
            code = int.from_bytes(payload[:2], "big") or _NORMAL
            return SocketAnswer(close_code=code, close_reason=payload[2:].decode(errors="replace"))
        if opcode == _PING:
            await reader.stream.write(_frame(_PONG, payload))
        elif opcode == _BINARY:
            return SocketAnswer()
        elif opcode in (_TEXT, _CONTINUATION):
            text += payload
            if is_last and not skips_text:
                return SocketAnswer(text=bytes(text))
            if is_last:
                text.clear()
            if len(text) > MAX_MESSAGE_BYTES:
                raise SocketFault("a message that is too long")
    raise SocketFault(f"no message within {MAX_FRAMES} frames")


class _FrameReader:
    """Splits the received bytes into frames."""

    def __init__(self, stream: ByteStream) -> None:
        self.stream = stream
        self._buffer = b""

    async def read(self) -> tuple[int, bool, bytes] | None:
        """Return opcode, whether the frame ends its message, and payload. Return None at the end of the connection.

        Raises SocketFault.
        """
        head = await self._take(2)
        if head is None:
            return None
        size = head[1] & 0x7F
        if head[1] & _MASKED:
            raise SocketFault("a server's frame is masked")
        if size >= 126:
            longer = await self._take(2 if size == 126 else 8)
            if longer is None:
                return None
            size = int.from_bytes(longer, "big")
        if size > MAX_MESSAGE_BYTES:
            raise SocketFault("a message that is too long")
        payload = await self._take(size)
        return None if payload is None else (head[0] & 0x0F, bool(head[0] & _FIN), payload)

    async def _take(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            more = await self.stream.read(_READ_BYTES)
            if not more:
                return None
            self._buffer += more
        taken, self._buffer = self._buffer[:count], self._buffer[count:]
        return taken


def _frame(opcode: int, payload: bytes) -> bytes:
    """Return a complete message as a client's frame, which must be masked."""
    size = len(payload)
    length = bytes([_MASKED | size]) if size < 126 else bytes([_MASKED | 126]) + size.to_bytes(2, "big")
    mask = os.urandom(4)
    masked = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return bytes([_FIN | opcode]) + length + mask + masked
