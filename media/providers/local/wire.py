"""Messages between the engine process and its clients."""

from typing import Literal

import msgspec
from msgspec import Struct

from media.providers.engine_process.messages import encode_frame
from media.providers.local.speech import Recognition, SynthesizedSpeech


class Transcribe(Struct, frozen=True, tag=True):
    """A request for the text of an utterance.

    Attributes:
        pcm: 16-bit little-endian mono audio.
        is_partial: The utterance is not complete. The engine refuses the request as busy if it has other work, also
            while the request runs.
    """

    id: int
    pcm: bytes
    sample_rate: int
    is_partial: bool = False


class Synthesize(Struct, frozen=True, tag="Synthesise"):  # the tag of older releases
    """A request for the speech of a text."""

    id: int
    text: str


class Cancel(Struct, frozen=True, tag=True):
    """Cancels the request with this ID."""

    id: int


class Transcribed(Struct, frozen=True, tag=True):
    """The answer to Transcribe."""

    id: int
    transcript: Recognition


class Synthesized(Struct, frozen=True, tag="Synthesised"):  # the tag of older releases
    """The answer to Synthesize."""

    id: int
    speech: SynthesizedSpeech


class EngineRefusal(Struct, frozen=True, tag="Refused"):  # the tag of older releases
    """The refusal of a request.

    Attributes:
        kind: "busy" if the queue is full, "bad" if the request is invalid, "failed" if the engine failed.
    """

    id: int
    kind: Literal["busy", "bad", "failed"]
    reason: str


EngineRequest = Transcribe | Synthesize | Cancel
EngineAnswer = Transcribed | Synthesized | EngineRefusal


def encode_message(message: EngineRequest | EngineAnswer) -> bytes:
    """Encode a message with its length. Raises EngineProtocolError if the message is too large."""
    return encode_frame(message)


def make_request_decoder() -> msgspec.msgpack.Decoder[EngineRequest]:
    """Return the decoder for `receive_message` in the engine process."""
    return msgspec.msgpack.Decoder(EngineRequest)


def make_answer_decoder() -> msgspec.msgpack.Decoder[EngineAnswer]:
    """Return the decoder for `receive_message` in a client."""
    return msgspec.msgpack.Decoder(EngineAnswer)
