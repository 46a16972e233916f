"""Deepgram's Flux: messages of `/v2/listen`; pure.

Its own detection of turns is switched off by the greatest threshold; ForceEndTurn ends a turn when ours says so. A turn
of Flux is therefore a segment of our turn.
Source: developers.deepgram.com/docs/flux, deepgram-sdk 7.17.0 (`ListenV2ForceEndTurn`, `ListenV2TurnInfo.trigger`).
"""

from typing import Final

import msgspec
from msgspec import Struct

from media.providers.ports import TimedWord
from media.providers.vendors.deepgram_transcript import TranscribedResult, TranscribedSegment
from media.providers.vendors.deepgram_wire import ListenProtocol, make_error, make_unreadable

# The vendor's greatest values: a turn ends when it is forced to, or after a minute of silence.
EOT_THRESHOLD: Final = 1.0
EOT_TIMEOUT_MS: Final = 60_000
# The chunk that the vendor recommends: 80 ms.
CHUNK_BYTES: Final = 640


class _Word(Struct):
    word: str
    start: float | None = None
    end: float | None = None


class _Message(Struct):
    """Any message; fields that others have keep their defaults. audio_window_start, audio_window_end: in seconds."""

    type: str
    event: str = ""
    turn_index: int = 0
    audio_window_start: float = 0.0
    audio_window_end: float = 0.0
    transcript: str = ""
    words: list[_Word] = []
    trigger: str | None = None
    code: str = ""


_decoder: Final = msgspec.json.Decoder(_Message)


def read_flux(provider: str, message: bytes) -> TranscribedResult | None:
    """A message of the server; None unless it is TurnInfo. Raises ProviderError."""
    try:
        read = _decoder.decode(message)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise make_unreadable(provider) from None
    if read.type == "Error":
        raise make_error(provider, read.code, "error").with_answer(message)
    if read.type != "TurnInfo":
        return None
    has_ended = read.event == "EndOfTurn"
    return TranscribedResult(_segment(read), has_ended, has_ended and read.trigger == "manual")


def _segment(read: _Message) -> TranscribedSegment:
    return TranscribedSegment(
        number=read.turn_index,
        text=read.transcript.strip(),
        start_ms=read.audio_window_start * 1000,
        end_ms=read.audio_window_end * 1000,
        words=_words(read.words),
    )


def _words(words: list[_Word]) -> tuple[TimedWord, ...]:
    """The words with their times; none if one has none."""
    timed = [(one.word, one.start, one.end) for one in words]
    found = [
        TimedWord(text, start * 1000, end * 1000) for text, start, end in timed if start is not None and end is not None
    ]
    return tuple(found) if len(found) == len(words) else ()


FLUX: Final = ListenProtocol(
    path="/v2/listen",
    finalise='{"type":"ForceEndTurn"}',
    keep_alive="",
    chunk_bytes=CHUNK_BYTES,
    read=read_flux,
)
