"""Messages between the engine process and its clients."""

from typing import Literal

import msgspec
from msgspec import Struct

from media.providers.engine_process.messages import encode_frame
from media.providers.local.speech import Recognition, SynthesizedSpeech


class Transcribe(Struct, frozen=True, tag=True):
    """Requests the text of an utterance. pcm: 16-bit little-endian mono. is_partial: the utterance goes on, and the
    request is refused as busy if the engine has anything else to do, also later while it runs."""

    id: int
    pcm: bytes
    sample_rate: int
    is_partial: bool = False


class Synthesize(Struct, frozen=True, tag="Synthesise"):  # the tag that older programs know
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


class Synthesized(Struct, frozen=True, tag="Synthesised"):  # the tag that older programs know
    """Answers Synthesize."""

    id: int
    speech: SynthesizedSpeech


class EngineRefusal(Struct, frozen=True, tag="Refused"):  # the tag that older programs know
    """busy: the queue is full. bad: the request is invalid. failed: the engine failed."""

    id: int
    kind: Literal["busy", "bad", "failed"]
    reason: str


EngineRequest = Transcribe | Synthesize | Cancel
EngineAnswer = Transcribed | Synthesized | EngineRefusal


def encode_message(message: EngineRequest | EngineAnswer) -> bytes:
    """Encodes a message with its length. Raises EngineProtocolError when it is too large."""
    return encode_frame(message)


def make_request_decoder() -> msgspec.msgpack.Decoder[EngineRequest]:
    """The decoder for `receive_message` in the engine process."""
    return msgspec.msgpack.Decoder(EngineRequest)


def make_answer_decoder() -> msgspec.msgpack.Decoder[EngineAnswer]:
    """The decoder for `receive_message` in a client."""
    return msgspec.msgpack.Decoder(EngineAnswer)
