"""Deepgram's Nova: messages of `/v1/listen`; pure.

Source: developers.deepgram.com/reference/speech-to-text/listen-streaming, /docs/finalize, /docs/audio-keep-alive.
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.deepgram_wire import ListenProtocol, make_error
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord, read_language


class _Word(Struct):
    word: str
    start: float
    end: float
    punctuated_word: str = ""


class _Alternative(Struct):
    """languages: with `multi`, most spoken first; no message is refused because of them."""

    transcript: str = ""
    words: list[_Word] = []
    languages: Any = None


class _Channel(Struct):
    alternatives: list[_Alternative] = []


class _Message(Struct):
    """Any message; fields that others have keep their defaults. start, duration: in seconds of the audio sent."""

    type: str
    start: float = 0.0
    duration: float = 0.0
    is_final: bool = False
    from_finalize: bool = False
    channel: _Channel | list[int] | None = None  # of other messages than Results: numbers
    variant: str = ""
    code: str | None = None


_decoder: Final = msgspec.json.Decoder(_Message)


def read_nova(provider: str, message: bytes) -> TranscribedResult | None:
    """A message of the server; None unless it is Results. Raises ProviderError."""
    try:
        read = _decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if read.type == "Error":
        raise make_error(provider, read.code or read.variant, "error").with_answer(message)
    if read.type != "Results" or not isinstance(read.channel, _Channel):
        return None
    return TranscribedResult(_segment(read, read.channel), read.is_final, read.from_finalize)


def _segment(read: _Message, channel: _Channel) -> TranscribedSegment:
    best = channel.alternatives[0] if channel.alternatives else _Alternative()
    start_ms = read.start * 1000
    words = tuple(TimedWord(one.punctuated_word or one.word, one.start * 1000, one.end * 1000) for one in best.words)
    return TranscribedSegment(
        number=round(start_ms),
        text=best.transcript.strip(),
        start_ms=start_ms,
        end_ms=start_ms + read.duration * 1000,
        words=words,
        language=read_language(best.languages),
    )


# A KeepAlive has to be a text message: in a binary one it would be taken for audio.
NOVA: Final = ListenProtocol(
    path="/v1/listen",
    finalise='{"type":"Finalize"}',
    keep_alive='{"type":"KeepAlive"}',
    chunk_bytes=160,
    read=read_nova,
)
