"""The client's side of WebSocket framing (RFC 6455), without I/O, for tens of thousands of frames per second.

Client frames must be masked (RFC 6455 section 5.3). The masking key is zero, which is valid and leaves the payload
unchanged: masking costs the generator nothing, and the server unmasks as usual.
"""

import base64
import hashlib
from http import HTTPStatus

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
_CONTINUATION = 0x0
_FIN, _MASKED = 0x80, 0x80
_ZERO_KEY = b"\0\0\0\0"
_ACCEPT_SUFFIX = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455, 1.3
_MAX_HEAD = 16_384

Frame = tuple[int, bytes]


class FrameError(Exception):
    """The server violated the WebSocket protocol; the connection is unusable."""


def request(host: str, path: str, key: str) -> bytes:
    """The opening handshake; `key` is 16 random bytes in base64. Offers no extension, so frames are not compressed."""
    return (
        f"GET {path} HTTP/1.1\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n"
    ).encode()


def check_accepted(head: bytes, key: str) -> None:
    """Raises FrameError unless `head` (the response up to its blank line) accepts the handshake made with `key`."""
    status, _, rest = head.partition(b"\r\n")
    if status.split(b" ")[1:2] != [str(HTTPStatus.SWITCHING_PROTOCOLS.value).encode()]:
        raise FrameError(f"handshake refused: {status[:80]!r}")
    fields = (line.partition(b":") for line in rest.split(b"\r\n"))
    found = {name.strip().lower(): value.strip() for name, _, value in fields}
    wanted = base64.b64encode(hashlib.sha1(key.encode() + _ACCEPT_SUFFIX).digest())
    if found.get(b"sec-websocket-accept") != wanted:
        raise FrameError("handshake answered with a wrong Sec-WebSocket-Accept")


def text(payload: bytes) -> bytes:
    """A text message in one frame, up to 65,535 bytes."""
    return _head(TEXT, len(payload)) + payload


def control(opcode: int, payload: bytes = b"") -> bytes:
    """A ping, pong or close frame; payload up to 125 bytes."""
    return _head(opcode, len(payload)) + payload


def _head(opcode: int, size: int) -> bytes:
    if size < 126:
        return bytes((_FIN | opcode, _MASKED | size)) + _ZERO_KEY
    return bytes((_FIN | opcode, _MASKED | 126)) + size.to_bytes(2) + _ZERO_KEY


class Opening:
    """Reads the server's response to the handshake."""

    def __init__(self, key: str) -> None:
        self._key = key
        self._seen = b""

    def feed(self, data: bytes) -> bytes | None:
        """None while the response is incomplete, then the bytes after it. Raises FrameError when refused."""
        self._seen += data
        head, end, rest = self._seen.partition(b"\r\n\r\n")
        if not end:
            if len(self._seen) > _MAX_HEAD:
                raise FrameError("endless handshake answer")
            return None
        check_accepted(head, self._key)
        return rest


class Inbox:
    """Splits the server's bytes into messages; joins fragments."""

    def __init__(self) -> None:
        self._data = b""
        self._parts: list[bytes] = []
        self._opcode = 0

    def feed(self, data: bytes) -> list[Frame]:
        """The complete messages as (opcode, payload). Raises FrameError."""
        self._data += data
        messages: list[Frame] = []
        at = 0
        while (cut := _cut(self._data, at)) is not None:
            first, start, at = cut
            message = self._join(first, self._data[start:at])
            if message is not None:
                messages.append(message)
        self._data = self._data[at:]
        return messages

    def _join(self, first: int, payload: bytes) -> Frame | None:
        opcode, whole = first & 0x0F, bool(first & _FIN)
        if opcode >= CLOSE or (whole and opcode != _CONTINUATION):
            return opcode, payload
        if opcode != _CONTINUATION:
            self._opcode, self._parts = opcode, []
        self._parts.append(payload)
        return (self._opcode, b"".join(self._parts)) if whole else None


def _cut(data: bytes, at: int) -> tuple[int, int, int] | None:
    """(first byte, where the payload starts, where it ends) of the frame at `at`, or None while it is incomplete."""
    if len(data) < at + 2:
        return None
    first, size = data[at], data[at + 1]
    if size & _MASKED or first & 0x70:
        raise FrameError("a masked or compressed frame from the server")
    width = {126: 2, 127: 8}.get(size, 0)
    start = at + 2 + width
    if width:
        size = int.from_bytes(data[at + 2 : start])
    return (first, start, start + size) if len(data) >= start + size else None
