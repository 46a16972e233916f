"""Parses and writes WebSocket frames on the server side (RFC 6455), without I/O."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

from shared.refcycles import without_traceback

try:
    from websockets.speedups import apply_mask
except ImportError:  # no compiled module for this platform: ten times slower
    from websockets.utils import apply_mask

# Opcodes (section 5.2).
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MAX_CONTROL_BYTES: Final = 125  # section 5.5
MAX_REASON_BYTES: Final = 123


class CloseCode(IntEnum):
    """The close codes that the server sends."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    NO_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    TRY_AGAIN = 1013


# The close codes that a peer may send; 3000 to 4999 are free for use (section 7.4.2 and the IANA registry).
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

Message = tuple[int, bytes]
"""Opcode (TEXT, BINARY, PING, PONG or CLOSE) and payload."""


class FrameError(Exception):
    """The bytes violate the WebSocket protocol, or the message is too long."""

    def __init__(self, close_code: CloseCode, detail: str) -> None:
        super().__init__(detail)
        self.close_code = close_code


class FrameReader:
    """Splits a client's bytes into messages and joins fragments. Supports no extensions.

    At most one message of `max_bytes` and one chunk are buffered.

    Attributes:
        fault: The protocol violation, or None. Earlier messages are still returned, and later bytes are discarded.
        other_frames: The number of control frames and fragments so far, to detect floods.
    """

    __slots__ = ("_fragments", "_max_bytes", "_opcode", "_rest", "fault", "other_frames")

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._opcode = CONTINUATION  # the opcode of the fragmented message that is being received
        self._fragments = bytearray()
        self.fault: FrameError | None = None
        self.other_frames = 0

    def feed(self, data: bytes) -> Sequence[Message]:
        """Process the next bytes. Return the messages that are complete now."""
        # Nearly every chunk is one final, masked text frame of 126 to 65535 bytes of ASCII, which takes this fast path.
        if not self._rest and data.startswith(b"\x81\xfe") and len(data) > 8 and self._opcode == CONTINUATION:
            size = data[2] << 8 | data[3]
            if size == len(data) - 8 and 126 <= size <= self._max_bytes and self.fault is None:
                payload = apply_mask(data[8:], data[4:8])
                if payload.isascii():
                    return ((TEXT, payload),)
        return self._cut(data)

    def _cut(self, data: bytes) -> Sequence[Message]:
        messages: list[Message] = []
        data, at = self._rest + data, 0
        self._rest = b""
        try:
            while self.fault is None and (head := self._head(data, at)):
                start, size = head
                if len(data) < start + size:
                    break
                payload = apply_mask(data[start : start + size], data[start - 4 : start])
                self._accept(data[at], payload, messages)
                at = start + size
        except FrameError as fault:
            self.fault = without_traceback(fault)  # the traceback's frames hold this reader
        if self.fault is None:
            self._rest = data[at:]
        return messages

    def _head(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Return offset and length of the payload, or None while the header is incomplete. Raises FrameError."""
        have = len(data) - at
        if have < 2:
            return None
        size, wide = data[at + 1] & 0x7F, 0
        self._check(data[at], data[at + 1], size)
        if size >= 126:
            wide = 2 if size == 126 else 8
            if have < 2 + wide:
                return None
            size = int.from_bytes(data[at + 2 : at + 2 + wide], "big")
            if size < 126 or (wide == 8 and size < 65_536):
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a length is not in its shortest form")
        if size + len(self._fragments) > self._max_bytes and data[at] & 0x08 == 0:
            raise FrameError(CloseCode.TOO_BIG, f"a message has more than {self._max_bytes} bytes")
        start = at + 2 + wide + 4
        return (start, size) if len(data) >= start else None

    def _check(self, first: int, second: int, size: int) -> None:
        """Raise FrameError if the frame is not allowed, or not allowed at this point (sections 5.2, 5.4 and 5.5)."""
        opcode, final = first & 0x0F, first & 0x80
        if first & 0x70:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a reserved bit is set")
        if not second & 0x80:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a frame is not masked")
        if opcode in (CLOSE, PING, PONG):
            if not final or size > MAX_CONTROL_BYTES:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a control frame is fragmented or too long")
        elif opcode not in (CONTINUATION, TEXT, BINARY):
            raise FrameError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode}")
        elif (opcode == CONTINUATION) == (self._opcode == CONTINUATION):
            raise FrameError(CloseCode.PROTOCOL_ERROR, "fragments are out of order")

    def _accept(self, first: int, payload: bytes, messages: list[Message]) -> None:
        opcode, final = first & 0x0F, first & 0x80
        if opcode == CLOSE:
            _check_close(payload)
        if opcode <= BINARY and not (final and self._opcode == CONTINUATION):
            self.other_frames += 1
            self._opcode = self._opcode or opcode
            self._fragments += payload
            if not final:
                return
            opcode, payload = self._opcode, bytes(self._fragments)
            self._opcode = CONTINUATION
            self._fragments.clear()
        elif opcode > BINARY:
            self.other_frames += 1
        if opcode == TEXT:
            _check_text(payload, CloseCode.NO_TEXT, "a text message is not UTF-8")
        messages.append((opcode, payload))


def encode_frame(opcode: int, payload: bytes) -> bytes:
    """Encode one final, unmasked frame."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126, size >> 8, size & 0xFF)) + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def encode_close(code: int, reason: str) -> bytes:
    """Encode a close frame. The reason is cut to the maximum length, between two characters."""
    text = reason.encode()[:MAX_REASON_BYTES].decode("utf-8", "ignore")
    return encode_frame(CLOSE, code.to_bytes(2, "big") + text.encode())


def _check_close(payload: bytes) -> None:
    """Raise FrameError unless the payload is empty, or an allowed code and text (section 5.5.1)."""
    if not payload:
        return
    if len(payload) == 1 or int.from_bytes(payload[:2], "big") not in _CLOSE_CODES:
        raise FrameError(CloseCode.PROTOCOL_ERROR, "a close frame has no valid code")
    _check_text(payload[2:], CloseCode.PROTOCOL_ERROR, "a close reason is not UTF-8")


def _check_text(payload: bytes, close_code: CloseCode, detail: str) -> None:
    """Raise FrameError unless the payload is UTF-8 (section 8.1)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(close_code, detail) from None
