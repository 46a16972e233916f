"""Messages between the engine process and its clients: length-prefixed msgpack over a Unix socket.

Errors:
    EngineProtocolError   a message that is too large or not of this protocol
"""

import asyncio
import struct
from typing import Final, Literal, TypeVar

import msgspec
from msgspec import Struct

from media.providers.local.speech import Recognition, SynthesisedSpeech

# Enough for a minute of speech at 48 kHz.
MAX_MESSAGE_BYTES: Final = 8 * 1024 * 1024
_LENGTH: Final = struct.Struct("!I")
_ENCODER: Final = msgspec.msgpack.Encoder()


class EngineProtocolError(Exception):
    """A message that is too large or not of this protocol."""


class Transcribe(Struct, frozen=True, tag=True):
    """Requests the text of an utterance. pcm: 16-bit little-endian mono."""

    id: int
    pcm: bytes
    sample_rate: int


class Synthesise(Struct, frozen=True, tag=True):
    """Requests the speech of a text."""

    id: int
    text: str


class Cancel(Struct, frozen=True, tag=True):
    """Cancels the request with this id."""

    id: int


class Transcribed(Struct, frozen=True, tag=True):
    """Answers Transcribe."""

    id: int
    transcript: Recognition


class Synthesised(Struct, frozen=True, tag=True):
    """Answers Synthesise."""

    id: int
    speech: SynthesisedSpeech


class EngineRefusal(Struct, frozen=True, tag="Refused"):  # the tag that older programs know
    """busy: the queue is full. bad: the request is invalid. failed: the engine failed."""

    id: int
    kind: Literal["busy", "bad", "failed"]
    reason: str


EngineRequest = Transcribe | Synthesise | Cancel
EngineAnswer = Transcribed | Synthesised | EngineRefusal
T = TypeVar("T")


def encode_message(message: EngineRequest | EngineAnswer) -> bytes:
    """Encodes a message with its length. Raises EngineProtocolError when it is too large."""
    body = _ENCODER.encode(message)
    if len(body) > MAX_MESSAGE_BYTES:
        raise EngineProtocolError(f"a message of {len(body)} bytes")
    return _LENGTH.pack(len(body)) + body


def make_request_decoder() -> msgspec.msgpack.Decoder[EngineRequest]:
    """The decoder for `receive_message` in the engine process."""
    return msgspec.msgpack.Decoder(EngineRequest)


def make_answer_decoder() -> msgspec.msgpack.Decoder[EngineAnswer]:
    """The decoder for `receive_message` in a client."""
    return msgspec.msgpack.Decoder(EngineAnswer)


async def receive_message(reader: asyncio.StreamReader, decoder: msgspec.msgpack.Decoder[T]) -> T | None:
    """Reads the next message, None when the other side has closed. Raises EngineProtocolError and OSError."""
    try:
        (length,) = _LENGTH.unpack(await reader.readexactly(_LENGTH.size))
        if length > MAX_MESSAGE_BYTES:
            raise EngineProtocolError(f"a message of {length} bytes")
        return decoder.decode(await reader.readexactly(length))
    except asyncio.IncompleteReadError:
        return None
    except msgspec.DecodeError as error:
        raise EngineProtocolError(str(error)) from error
