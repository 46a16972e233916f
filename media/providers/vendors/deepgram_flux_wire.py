"""Deepgram's Flux: messages of `/v2/listen`; pure.

The greatest threshold keeps it from ending turns by itself before a minute of silence; ForceEndTurn ends one when ours
may be over. A turn of Flux is therefore a segment of our turn. What it believes of the turn's end until then is passed
on as evidence: from EagerEndOfTurn on, and in the updates that follow it, until TurnResumed. A lower confidence says
nothing, because speech has it, too; and nowhere is it said what a forced end's is.

A turn that Flux has ended itself is not forced. After EagerEndOfTurn it is forced only when ours is over: the text does
not change before TurnResumed (developers.deepgram.com/docs/flux/state), and only a turn that runs has a confidence.
Source: developers.deepgram.com/docs/flux, deepgram-sdk 7.17.0 (`ListenV2ForceEndTurn`, `ListenV2TurnInfo.trigger`).
"""

from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers.vendors.deepgram_wire import ListenProtocol, make_error
from shared.providers.errors import DECODE_ERRORS, make_unreadable
from shared.providers.segments import TranscribedResult, TranscribedSegment
from shared.providers.speech import TimedWord, read_language
from shared.providers.turn_calibration import CALIBRATIONS

# The vendor's greatest values: a turn ends when it is forced to, or after a minute of silence.
EOT_THRESHOLD: Final = 1.0
EOT_TIMEOUT_MS: Final = 60_000
# From this confidence on the vendor signals an end; it takes 0.3 to 0.9.
EAGER_EOT_THRESHOLD: Final = 0.5
_CALIBRATION: Final = CALIBRATIONS["flux"]
# The chunk that the vendor recommends: 80 ms.
CHUNK_BYTES: Final = 640


class _Word(Struct):
    word: str
    start: float | None = None
    end: float | None = None


class _Message(Struct):
    """Any message; fields that others have keep their defaults. audio_window_start, audio_window_end: in seconds.
    end_of_turn_confidence: 0-1. languages: of `flux-general-multi`, most spoken first. No message is refused because of
    these two."""

    type: str
    event: str = ""
    turn_index: int = 0
    audio_window_start: float = 0.0
    audio_window_end: float = 0.0
    transcript: str = ""
    words: list[_Word] = []
    trigger: str | None = None
    end_of_turn_confidence: Any = None
    languages: Any = None
    code: str = ""


_decoder: Final = msgspec.json.Decoder(_Message)


def read_flux(provider: str, message: bytes) -> TranscribedResult | None:
    """A message of the server; None unless it is TurnInfo. Raises ProviderError."""
    try:
        read = _decoder.decode(message)
    except DECODE_ERRORS:
        raise make_unreadable(provider) from None
    if read.type == "Error":
        raise make_error(provider, read.code, "error").with_answer(message)
    if read.type != "TurnInfo":
        return None
    has_ended = read.event == "EndOfTurn"
    is_forced = has_ended and read.trigger == "manual"
    has_resumed = read.event == "TurnResumed"
    return TranscribedResult(
        _segment(read),
        is_final=has_ended,
        is_flushed=is_forced,
        finished=None if is_forced or has_resumed else _finished(read),
        is_over=(has_ended and not is_forced) or read.event == "EagerEndOfTurn",
        has_resumed=has_resumed,
    )


def _finished(read: _Message) -> float | None:
    """The probability that the caller has finished; None below the confidence of an EagerEndOfTurn, and without words:
    the turn that follows a forced end has none yet."""
    probability = _CALIBRATION.probability(read.end_of_turn_confidence)
    is_signal = probability is not None and read.end_of_turn_confidence >= EAGER_EOT_THRESHOLD
    return probability if is_signal and read.transcript.strip() else None


def _segment(read: _Message) -> TranscribedSegment:
    return TranscribedSegment(
        number=read.turn_index,
        text=read.transcript.strip(),
        start_ms=read.audio_window_start * 1000,
        end_ms=read.audio_window_end * 1000,
        words=_words(read.words),
        language=read_language(read.languages),
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
