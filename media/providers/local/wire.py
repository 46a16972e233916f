"""What the engine process and its clients say to each other: length-prefixed msgpack over a Unix socket.

Errors:
    WireError   the other side does not speak this protocol
"""

import asyncio
import struct
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from media.providers.local.speech import Speech, Transcript

# Bytes of one message: a minute of speech at 48 kHz fits.
LARGEST: Final = 8 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_ENCODER: Final = msgspec.msgpack.Encoder()


class WireError(Exception):
    """The other side does not speak this protocol."""


class Transcribe(Struct, frozen=True, tag=True):
    """Asks for the words of an utterance. pcm: 16-bit little-endian mono."""

    id: int
    pcm: bytes
    sample_rate: int


class Synthesise(Struct, frozen=True, tag=True):
    """Asks for a text to be spoken."""

    id: int
    text: str


class Cancel(Struct, frozen=True, tag=True):
    """The answer to this request is no longer wanted."""

    id: int


class Transcribed(Struct, frozen=True, tag=True):
    """Answers Transcribe."""

    id: int
    transcript: Transcript


class Synthesised(Struct, frozen=True, tag=True):
    """Answers Synthesise."""

    id: int
    speech: Speech


class Refused(Struct, frozen=True, tag=True):
    """busy: the queue is full. bad: the request makes no sense. failed: the engine failed at it."""

    id: int
    kind: Literal["busy", "bad", "failed"]
    reason: str


Request = Transcribe | Synthesise | Cancel
Answer = Transcribed | Synthesised | Refused
T = TypeVar("T")


def pack(message: Request | Answer) -> bytes:
    """A message as it goes over the socket. Raises WireError when it is too large."""
    body = _ENCODER.encode(message)
    if len(body) > LARGEST:
        raise WireError(f"a message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


def requests() -> msgspec.msgpack.Decoder[Request]:
    """For `receive` on the engine's side."""
    return msgspec.msgpack.Decoder(Request)


def answers() -> msgspec.msgpack.Decoder[Answer]:
    """For `receive` on a client's side."""
    return msgspec.msgpack.Decoder(Answer)


async def receive(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """The next message, None when the other side has closed. Raises WireError and OSError."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > LARGEST:
            raise WireError(f"a message of {length} bytes")
        return decoder.decode(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except msgspec.DecodeError as error:
        raise WireError(str(error)) from error
