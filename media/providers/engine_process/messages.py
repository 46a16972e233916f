"""Length-prefixed msgpack messages over a Unix socket.

Errors:
    EngineProtocolError: a message is too large or violates the protocol
"""

import asyncio
import struct
from typing import Final, TypeVar

import msgspec
from msgspec import Struct

# Large enough for a minute of speech at 48 kHz.
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_ENCODER: Final = msgspec.msgpack.Encoder()
T = TypeVar("T")


class EngineProtocolError(Exception):
    """A message is too large or violates the protocol."""


def encode_frame(message: Struct) -> bytes:
    """Encode a message with its length. Raises EngineProtocolError if the message is too large."""
    body = _ENCODER.encode(message)
    if len(body) > MAX_MESSAGE_BYTES:
        raise EngineProtocolError(f"a message has {len(body)} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
    return _LENGTH.pack(len(body)) + body


async def receive_message(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """Return the next message, or None if the other side has closed. Raises EngineProtocolError and OSError."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_MESSAGE_BYTES:
            raise EngineProtocolError(f"a message has {length} bytes, at most {MAX_MESSAGE_BYTES} are allowed")
        return decoder.decode(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except msgspec.DecodeError as error:
        raise EngineProtocolError(str(error)) from error
