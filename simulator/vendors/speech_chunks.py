"""Sends a simulated voice's speech in chunks of audio at the pace of generation, with the connection's fault."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from simulator.carrier.mulaw import RATE
from simulator.vendors.faults import FaultInjector
from simulator.vendors.voice import SpokenText, SpokenWord

_PER_MS = RATE // 1_000


class Pace(Protocol):
    """The pace of a simulated voice."""

    @property
    def chunk_ms(self) -> int:
        """Length of the audio in a chunk, in ms."""

    @property
    def speed(self) -> float:
        """Speed of the generation relative to real time."""


class VoiceFailed(Exception):
    """The vendor must report an error in place of the next chunk."""


@dataclass(frozen=True, slots=True)
class SpeechChunk:
    """A chunk of speech.

    Attributes:
        began_ms: Start of its audio in the piece.
        ended_ms: End of its audio in the piece.
        is_last: Whether it is the piece's last chunk.
        words: Words that begin in the chunk.
        is_garbage: Whether unreadable data must precede the chunk.
    """

    ulaw: bytes
    began_ms: float
    ended_ms: float
    is_last: bool
    words: tuple[SpokenWord, ...]
    is_garbage: bool


async def pace_chunks(piece: SpokenText, pace: Pace, faults: FaultInjector) -> AsyncIterator[SpeechChunk]:
    """Yield the chunks of a piece of speech, each when it is due. Never ends while the connection stalls.

    Raises:
        VoiceFailed: The vendor must report an error.
        FaultCut: The connection must be reset.
    """
    size, words = pace.chunk_ms * _PER_MS, list(piece.words)
    for at in range(0, len(piece.ulaw), size):
        if at:
            await faults.wait(pace.chunk_ms / 1_000 / pace.speed)
        if faults.reports_error:
            raise VoiceFailed
        is_garbage = await faults.begin_unit()
        ulaw = piece.ulaw[at : at + size]
        ended_ms = (at + len(ulaw)) / _PER_MS
        begun = tuple(word for word in words if word.start_ms < ended_ms)
        del words[: len(begun)]
        yield SpeechChunk(ulaw, at / _PER_MS, ended_ms, at + size >= len(piece.ulaw), begun, is_garbage)
