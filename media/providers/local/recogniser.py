"""The recogniser: a whole utterance of telephone speech in, its words out, and nothing out of noise."""

import re
from typing import Final, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.moonshine import RATE, Floats, Hypothesis, Moonshine
from media.providers.local.speech import Transcript

# Louder than this (dB of full scale) must the loudest frames be to hold a voice.
SILENCE_DB: Final = -52.0
# Below this mean log probability a token, telephone speech was never recognised rightly.
LEAST_LOG_PROB: Final = -1.0
# The model hears best at this level, with a moment of silence around the speech.
LEVEL_DB: Final = -20.0
MARGIN_S: Final = 0.3
# Longer speech is cut at its quietest moment: what the model takes at once, it takes well up to here.
LONGEST_S: Final = 15.0

_FRAME: Final = RATE // 50  # 20 ms
# Quieter than the loudest frames by this much is no part of the speech.
_EDGE_DB: Final = 38.0
# What the model makes of noise, tones, breath and coughs, found by trying. It means nothing as a whole turn.
_NOTHING: Final = re.compile(
    r"(?:you|thank you for watching|(?:(?:ah|uh|um|hm+|er|oh)\W+)*(?:ah|uh|um|hm+|er)|\W*)\W*", re.IGNORECASE
)
# The model learnt from old books too.
_OLD_SPELLING: Final = re.compile(r"\b(good|to)-(bye|day|morrow|night)\b", re.IGNORECASE)


class Model(Protocol):
    """Speech of up to LONGEST_S to text."""

    def transcribe(self, samples: Floats) -> Hypothesis:
        """Mono, RATE, full scale 1."""


class Recogniser:
    """Loads the model when made. Not thread-safe. Raises ModelError when a model file is missing or wrong."""

    def __init__(self, model: Model | None = None) -> None:
        self._model = model or Moonshine()

    def transcribe(self, pcm: bytes, sample_rate: int) -> Transcript:
        """The words of one utterance: 16-bit little-endian mono, any length.

        Raises ValueError for half a sample or a sample rate that is not between 8 and 48 kHz."""
        speech = _speech(_samples(pcm, sample_rate))
        if not len(speech):
            return Transcript("", 0.0)
        heard = [self._hear(piece) for piece in pieces(speech)]
        said = [hypothesis for hypothesis in heard if hypothesis.text]
        if not said:
            return Transcript("", 0.0)
        sure = float(np.exp(np.mean([hypothesis.log_prob for hypothesis in said])))
        return Transcript(" ".join(hypothesis.text for hypothesis in said), sure)

    def _hear(self, piece: Floats) -> Hypothesis:
        margin = np.zeros(int(MARGIN_S * RATE), np.float32)
        hypothesis = self._model.transcribe(np.concatenate((margin, piece, margin)))
        text = _OLD_SPELLING.sub(r"\1\2", hypothesis.text.replace("♪", "").strip())
        doubtful = hypothesis.looped or hypothesis.log_prob < LEAST_LOG_PROB
        return Hypothesis("" if doubtful or _NOTHING.fullmatch(text) else text, hypothesis.log_prob)


def pieces(speech: Floats) -> list[Floats]:
    """Speech in pieces of at most LONGEST_S, each cut where the second half of that is quietest (RATE)."""
    longest = int(LONGEST_S * RATE)
    cut = []
    while len(speech) > longest:
        half = longest // 2
        quiet = _energy(speech[half:longest])
        # over 100 ms, so that the silence within a plosive is no place to cut
        spot = half + (int(np.argmin(np.convolve(quiet, np.ones(5), "valid"))) + 2) * _FRAME
        cut.append(speech[:spot])
        speech = speech[spot:]
    return [*cut, speech]


def _samples(pcm: bytes, sample_rate: int) -> Floats:
    if len(pcm) % 2:
        raise ValueError("half a sample")
    if not 8_000 <= sample_rate <= 48_000:
        raise ValueError(f"a sample rate of {sample_rate}")
    samples = np.frombuffer(pcm, "<i2").astype(np.float32) / np.float32(32_768)
    if sample_rate == RATE or not len(samples):
        return samples
    resampled: Floats = soxr.resample(samples, sample_rate, RATE)
    return resampled


def _speech(samples: Floats) -> Floats:
    """The part that may hold speech, at the level that the model likes; empty when all is silent."""
    energy = _energy(samples)
    loud = float(np.quantile(energy, 0.95)) if len(energy) else 0.0
    if loud < 10 ** (SILENCE_DB / 10):
        return samples[:0]
    spoken = np.flatnonzero(energy > loud * 10 ** (-_EDGE_DB / 10))
    margin = int(0.2 * RATE)
    speech = samples[max(0, spoken[0] * _FRAME - margin) : (spoken[-1] + 1) * _FRAME + margin]
    level = float(energy[energy > loud * 10 ** (-26 / 10)].mean())
    scaled: Floats = speech * np.float32(np.sqrt(10 ** (LEVEL_DB / 10) / level))
    return scaled


def _energy(samples: Floats) -> Floats:
    """Mean square of each whole frame of 20 ms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    energy: Floats = np.square(frames).mean(axis=1)
    return energy
