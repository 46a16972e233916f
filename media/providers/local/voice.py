"""The voice: a text in, telephone speech and the time of every written word out."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.lexicon import Lexicon
from media.providers.local.normalise import PAUSE, Reading, read_out
from media.providers.local.speech import PHONE_RATE, Speech, Word
from media.providers.local.vits import RATE, Floats, Sound, Vits

# Speech at the usual level of a telephone network (ITU-T P.56 measures about -20 dB), its peaks below clipping.
LEVEL: Final = 0.1
PEAK: Final = 0.85
# Silence that is kept before and behind the speech.
EDGE_MS: Final = 20
_FADE_MS: Final = 5
_QUIET: Final = 0.004  # of full scale


class Pronouncer(Protocol):
    """Words to phonemes."""

    def phonemes(self, words: Sequence[str]) -> list[str]:
        """One string of phonemes for each word."""


class Speaker(Protocol):
    """Phonemes to sound."""

    def speak(self, phonemes: Sequence[str]) -> Sound:
        """The sound, and where in it each phoneme is."""


class Voice:
    """Loads its models when made. Not thread-safe. Raises ModelError when a model file is missing or wrong."""

    def __init__(self, pronouncer: Pronouncer | None = None, speaker: Speaker | None = None) -> None:
        self._pronouncer = pronouncer or Lexicon()
        self._speaker = speaker or Vits()

    def synthesise(self, text: str) -> Speech:
        """Speaks a clause or a short sentence (a longer text takes long). No sound for a text without words."""
        readings = read_out(text)
        line = _Line.of(readings, self._pronouncer)
        if not line.spans:
            return Speech(b"", _silent(text, readings))
        sound = self._speaker.speak(line.phonemes)
        first, last = _bounds(sound, line)
        return Speech(_telephone(sound.samples[first:last]), _timed(readings, line, sound.edges, first))


@dataclass(frozen=True, slots=True)
class _Line:
    """phonemes: all that is to be spoken. spans: for each reading that sounds, which of them are its (from, to)."""

    phonemes: list[str]
    spans: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, readings: Sequence[Reading], pronouncer: Pronouncer) -> "_Line":
        spoken = [word for reading in readings for word in reading.spoken if word != PAUSE]
        sounds = iter(pronouncer.phonemes(spoken))
        line = cls([], {})
        for index, reading in enumerate(readings):
            line._add(index, reading, ["" if word == PAUSE else next(sounds) for word in reading.spoken])
        line._close(".")  # without a close, the model swallows the last sound
        return line

    def _add(self, index: int, reading: Reading, sounds: Sequence[str]) -> None:
        for sound in sounds:
            if not sound:
                self._close(",")
                continue
            self.phonemes.extend([" "] if self.phonemes else [])
            start = self.spans[index][0] if index in self.spans else len(self.phonemes)
            self.phonemes.extend(sound)
            self.spans[index] = start, len(self.phonemes)
        self._close(reading.stop)

    def _close(self, mark: str) -> None:
        if mark and self.phonemes and self.phonemes[-1] not in ".!?,":
            self.phonemes.append(mark)


def _silent(text: str, readings: Sequence[Reading]) -> tuple[Word, ...]:
    if not readings:
        return (Word(text, 0.0, 0.0),) if text else ()
    return tuple(Word(reading.written, 0.0, 0.0) for reading in readings)


def _timed(readings: Sequence[Reading], line: "_Line", edges: Sequence[int], first: int) -> tuple[Word, ...]:
    """When each written word sounds; one without any sound takes no time where the one before it ended."""
    words, at = [], 0.0
    for index, reading in enumerate(readings):
        start = at
        if index in line.spans:
            begin, end = line.spans[index]
            start = max(at, _ms(edges[begin] - first))
            at = max(start, _ms(edges[end] - first))
        words.append(Word(reading.written, start, at))
    return tuple(words)


def _ms(samples: int) -> float:
    return samples / RATE * 1_000


def _bounds(sound: Sound, line: _Line) -> tuple[int, int]:
    """Where the speech begins and ends in the sound, without the silence that the model puts around it."""
    loud = np.flatnonzero(np.abs(sound.samples) > _QUIET)
    edge = EDGE_MS * RATE // 1_000
    last_word = sound.edges[max(end for _, end in line.spans.values())]
    first = max(0, int(loud[0]) - edge) if len(loud) else 0
    last = min(len(sound.samples), max(int(loud[-1]) if len(loud) else 0, last_word) + edge)
    return first, last


def _telephone(samples: Floats) -> bytes:
    """At PHONE_RATE and telephone level, faded at both ends."""
    low: Floats = soxr.resample(samples, RATE, PHONE_RATE)
    peak = float(np.abs(low).max()) if len(low) else 0.0
    if peak:
        voiced = np.abs(low) > peak * 0.1
        level = float(np.sqrt(np.square(low[voiced]).mean()))
        low = low * np.float32(min(LEVEL / level, PEAK / peak))
    fade = min(_FADE_MS * PHONE_RATE // 1_000, len(low) // 2)
    ramp = np.linspace(0, 1, fade, dtype=np.float32)
    low[:fade] *= ramp
    low[len(low) - fade :] *= ramp[::-1]
    return np.rint(low * 32_767).clip(-32_768, 32_767).astype("<i2").tobytes()
