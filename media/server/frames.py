"""WebSocket frames (RFC 6455), the server's side, without the socket: bytes in, messages out, and back."""

from collections.abc import Sequence
from enum import IntEnum
from typing import Final

# Opcodes (section 5.2) and close codes (section 7.4.1).
CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
MOST_CONTROL_BYTES: Final = 125  # section 5.5
MOST_REASON_BYTES: Final = 123


class CloseCode(IntEnum):
    """The close codes that we send."""

    NORMAL = 1000
    PROTOCOL_ERROR = 1002
    UNSUPPORTED = 1003
    NO_TEXT = 1007
    POLICY = 1008
    TOO_BIG = 1009
    INTERNAL = 1011
    TRY_AGAIN = 1013


# What a far side may send as the reason of its close; 3000 to 4999 are free (section 7.4.2 and the IANA registry).
_CLOSE_CODES: Final = frozenset({1000, 1001, 1002, 1003, *range(1007, 1015), *range(3000, 5000)})

Message = tuple[int, bytes]
"""Opcode (TEXT, BINARY, PING, PONG or CLOSE) and payload."""


class FrameError(Exception):
    """The bytes break the WebSocket protocol, or the message is too long."""

    def __init__(self, close_code: CloseCode, detail: str) -> None:
        super().__init__(detail)
        self.close_code = close_code


class FrameReader:
    """Cuts a client's bytes into messages and puts fragmented ones together. No extension is spoken.

    `fault` is set when the bytes broke the protocol: what came before is still given out, what follows is thrown away.
    At most one message of `max_bytes` and one chunk are held. `others`: frames so far that were no message of text or
    bytes by themselves, for whoever looks out for floods.
    """

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest = b""
        self._opcode = CONTINUATION  # of the fragmented message that is under way
        self._fragments = bytearray()
        self.fault: FrameError | None = None
        self.others = 0

    def feed(self, data: bytes) -> Sequence[Message]:
        """Takes the next bytes; returns the messages that are whole now."""
        # Nearly every chunk is one final, masked text frame of 126 to 65535 bytes of ASCII, taken without detours.
        if not self._rest and data.startswith(b"\x81\xfe") and len(data) > 8 and self._opcode == CONTINUATION:
            size = data[2] << 8 | data[3]
            if size == len(data) - 8 and 126 <= size <= self._max_bytes and self.fault is None:
                payload = _unmask(data[4:8], data[8:])
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
                payload = _unmask(data[start - 4 : start], data[start : start + size])
                self._take(data[at], payload, messages)
                at = start + size
        except FrameError as fault:
            self.fault = fault.with_traceback(None)  # its frames hold this reader
        if self.fault is None:
            self._rest = data[at:]
        return messages

    def _head(self, data: bytes, at: int) -> tuple[int, int] | None:
        """Where the payload begins and its length; None while the head is not there in full. Raises FrameError."""
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
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a length that is not written in the shortest way")
        if size + len(self._fragments) > self._max_bytes and data[at] & 0x08 == 0:
            raise FrameError(CloseCode.TOO_BIG, f"more than {self._max_bytes} bytes in one message")
        start = at + 2 + wide + 4
        return (start, size) if len(data) >= start else None

    def _check(self, first: int, second: int, size: int) -> None:
        """Raises FrameError for a frame that may not come, or not now."""
        opcode, final = first & 0x0F, first & 0x80
        if first & 0x70:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a reserved bit is set")
        if not second & 0x80:
            raise FrameError(CloseCode.PROTOCOL_ERROR, "a frame without mask")
        if opcode in (CLOSE, PING, PONG):
            if not final or size > MOST_CONTROL_BYTES:
                raise FrameError(CloseCode.PROTOCOL_ERROR, "a control frame in fragments or too long")
        elif opcode not in (CONTINUATION, TEXT, BINARY):
            raise FrameError(CloseCode.PROTOCOL_ERROR, f"unknown opcode {opcode}")
        elif (opcode == CONTINUATION) == (self._opcode == CONTINUATION):
            raise FrameError(CloseCode.PROTOCOL_ERROR, "fragments out of order")

    def _take(self, first: int, payload: bytes, messages: list[Message]) -> None:
        opcode, final = first & 0x0F, first & 0x80
        if opcode == CLOSE:
            _check_close(payload)
        if opcode <= BINARY and not (final and self._opcode == CONTINUATION):
            self.others += 1
            self._opcode = self._opcode or opcode
            self._fragments += payload
            if not final:
                return
            opcode, payload = self._opcode, bytes(self._fragments)
            self._opcode = CONTINUATION
            self._fragments.clear()
        elif opcode > BINARY:
            self.others += 1
        if opcode == TEXT:
            _check_text(payload, CloseCode.NO_TEXT, "a text message that is no text")
        messages.append((opcode, payload))


def frame(opcode: int, payload: bytes) -> bytes:
    """One whole frame, as a server sends it."""
    size = len(payload)
    first = 0x80 | opcode
    if size < 126:
        return bytes((first, size)) + payload
    if size < 65_536:
        return bytes((first, 126, size >> 8, size & 0xFF)) + payload
    return bytes((first, 127)) + size.to_bytes(8, "big") + payload


def close_frame(code: int, reason: str) -> bytes:
    """A close frame; the reason is cut to what fits, between two characters."""
    text = reason.encode()[:MOST_REASON_BYTES].decode("utf-8", "ignore")
    return frame(CLOSE, code.to_bytes(2, "big") + text.encode())


def _unmask(mask: bytes, payload: bytes) -> bytes:
    size = len(payload)
    key = int.from_bytes((mask * (size // 4 + 1))[:size], "little")
    return (int.from_bytes(payload, "little") ^ key).to_bytes(size, "little")


def _check_close(payload: bytes) -> None:
    """Raises FrameError unless the payload is empty, or a code that may be sent and text."""
    if not payload:
        return
    if len(payload) == 1 or int.from_bytes(payload[:2], "big") not in _CLOSE_CODES:
        raise FrameError(CloseCode.PROTOCOL_ERROR, "a close frame without a valid code")
    _check_text(payload[2:], CloseCode.PROTOCOL_ERROR, "a close reason that is no text")


def _check_text(payload: bytes, close_code: CloseCode, detail: str) -> None:
    """Raises FrameError unless the payload is UTF-8 (section 8.1)."""
    try:
        payload.decode()
    except UnicodeDecodeError:
        raise FrameError(close_code, detail) from None
