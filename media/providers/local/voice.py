"""Synthesizes telephone speech with the time of every written word."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.normalizer import PAUSE, SpokenWord, normalize
from media.providers.local.pronunciation import PronunciationLexicon
from media.providers.local.speech import PHONE_RATE, SynthesizedSpeech, WordTiming
from media.providers.local.vits import RATE, Floats, Sound, Vits

# The usual RMS level in telephone networks (about -20 dB by ITU-T P.56), and the highest peak, below clipping.
LEVEL: Final = 0.1
PEAK: Final = 0.85
# Silence that is kept before and after the speech.
EDGE_MS: Final = 20
_FADE_MS: Final = 5
_QUIET: Final = 0.004  # of full scale


class Pronouncer(Protocol):
    """Converts words to phonemes."""

    def phonemes(self, words: Sequence[str]) -> list[str]:
        """Return one string of phonemes for each word."""


class VoiceModel(Protocol):
    """Converts phonemes to sound."""

    def synthesize(self, phonemes: Sequence[str]) -> Sound:
        """Return the sound and the position of each phoneme in it."""


class Voice:
    """The loaded voice. Not thread-safe. The constructor raises SpeechModelError if a model file is missing or
    wrong."""

    def __init__(self, pronouncer: Pronouncer | None = None, model: VoiceModel | None = None) -> None:
        self._pronouncer = pronouncer or PronunciationLexicon()
        self._model = model or Vits()

    def synthesize(self, text: str) -> SynthesizedSpeech:
        """Synthesize a clause or a short sentence. The time grows with the text. A text without words gives no
        sound."""
        words = normalize(text)
        line = _PhonemeLine.of(words, self._pronouncer)
        if not line.spans:
            return SynthesizedSpeech(b"", _untimed(text, words))
        sound = self._model.synthesize(line.phonemes)
        first, last = _bounds(sound, line)
        return SynthesizedSpeech(_to_telephone(sound.samples[first:last]), _time_words(words, line, sound.edges, first))


@dataclass(frozen=True, slots=True)
class _PhonemeLine:
    """The phonemes of a text.

    Attributes:
        phonemes: The phonemes of the whole text.
        spans: The (start, end) of each word's phonemes, by the index of the word. Silent words are missing.
    """

    phonemes: list[str]
    spans: dict[int, tuple[int, int]]

    @classmethod
    def of(cls, words: Sequence[SpokenWord], pronouncer: Pronouncer) -> "_PhonemeLine":
        spoken = [item for word in words for item in word.spoken if item != PAUSE]
        sounds = iter(pronouncer.phonemes(spoken))
        line = cls([], {})
        for index, word in enumerate(words):
            line._add(index, word, ["" if item == PAUSE else next(sounds) for item in word.spoken])
        line._close(".")  # without a final mark, the model drops the last sound
        return line

    def _add(self, index: int, word: SpokenWord, sounds: Sequence[str]) -> None:
        for sound in sounds:
            if not sound:
                self._close(",")
                continue
            self.phonemes.extend([" "] if self.phonemes else [])
            start = self.spans[index][0] if index in self.spans else len(self.phonemes)
            self.phonemes.extend(sound)
            self.spans[index] = start, len(self.phonemes)
        self._close(word.stop)

    def _close(self, mark: str) -> None:
        if mark and self.phonemes and self.phonemes[-1] not in ".!?,":
            self.phonemes.append(mark)


def _untimed(text: str, words: Sequence[SpokenWord]) -> tuple[WordTiming, ...]:
    if not words:
        return (WordTiming(text, 0.0, 0.0),) if text else ()
    return tuple(WordTiming(word.written, 0.0, 0.0) for word in words)


def _time_words(
    words: Sequence[SpokenWord], line: "_PhonemeLine", edges: Sequence[int], first: int
) -> tuple[WordTiming, ...]:
    """Return the time of each written word. A silent word has no length and starts at the end of the previous word."""
    timings, at = [], 0.0
    for index, word in enumerate(words):
        start = at
        if index in line.spans:
            begin, end = line.spans[index]
            start = max(at, _ms(edges[begin] - first))
            at = max(start, _ms(edges[end] - first))
        timings.append(WordTiming(word.written, start, at))
    return tuple(timings)


def _ms(samples: int) -> float:
    return samples / RATE * 1_000


def _bounds(sound: Sound, line: _PhonemeLine) -> tuple[int, int]:
    """Return the first and last sample of the speech, without the silence that the model adds around it."""
    loud = np.flatnonzero(np.abs(sound.samples) > _QUIET)
    edge = EDGE_MS * RATE // 1_000
    last_word = sound.edges[max(end for _, end in line.spans.values())]
    first = max(0, int(loud[0]) - edge) if len(loud) else 0
    last = min(len(sound.samples), max(int(loud[-1]) if len(loud) else 0, last_word) + edge)
    return first, last


def _to_telephone(samples: Floats) -> bytes:
    """Resample to PHONE_RATE, scale to telephone level and fade both ends."""
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
