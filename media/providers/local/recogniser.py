"""The recogniser: transcribes a whole utterance of telephone speech; noise gives no text."""

import re
from typing import Final, Protocol

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.moonshine import RATE, Floats, Hypothesis, Moonshine
from media.providers.local.speech import Recognition, RecognitionStop

# Audio whose loudest frames are below this level (dB of full scale) holds no voice.
SILENCE_DB: Final = -52.0
# Below this mean log probability per token, telephone speech was never recognised correctly.
MIN_LOG_PROB: Final = -1.0
# A whole utterance with a lower one (a probability of 0.7 per token) is heard a second time, 7.5 % faster, and the text
# with the higher one is taken. Of 146 utterances in babble 10 dB softer 34 % were heard twice; 83.5 % of the words were
# right instead of 81.7 %. Heard slower, the recogniser understands less.
SURE_LOG_PROB: Final = -0.357
FASTER: Final = 1.075
# Where the first text was dropped as unreliable, the second one has to be surer than this (0.55), so that noise stays
# without a text (docs/decisions/0171).
RESCUE_LOG_PROB: Final = -0.598
# The model recognises best at this level, with this much silence around the speech.
LEVEL_DB: Final = -20.0
MARGIN_S: Final = 0.3
# Longer speech is cut at its quietest moment; up to this length the model transcribes well at once.
MAX_PIECE_S: Final = 15.0

_FRAME: Final = RATE // 50  # 20 ms
# Frames at the edges that are quieter than the loudest ones by this much are not part of the speech.
_EDGE_DB: Final = 38.0
# The model's output for noise, tones, breath and coughs, found by experiment; dropped if it is the whole text.
_NOISE_OUTPUT: Final = re.compile(
    r"(?:you|thank you for watching|(?:(?:ah|uh|um|hm+|er|oh)\W+)*(?:ah|uh|um|hm+|er)|\W*)\W*", re.IGNORECASE
)
# Spellings from the old books in the model's training data.
_OLD_SPELLING: Final = re.compile(r"\b(good|to)-(bye|day|morrow|night)\b", re.IGNORECASE)


class RecogniserModel(Protocol):
    """A model for speech of up to MAX_PIECE_S."""

    def transcribe(self, samples: Floats, stop: RecognitionStop | None) -> Hypothesis:
        """Transcribes mono samples at RATE, full scale 1. Raises RecognitionAbandoned after `stop` was set."""


class Recogniser:
    """Loads the model when constructed; not thread-safe. Raises SpeechModelError for a missing or wrong model file."""

    def __init__(self, model: RecogniserModel | None = None) -> None:
        self._model = model or Moonshine()

    def transcribe(self, pcm: bytes, sample_rate: int, stop: RecognitionStop | None = None) -> Recognition:
        """Transcribes one utterance: 16-bit little-endian mono, any length. stop: ends it within some ms.

        Raises ValueError for half a sample or a sample rate that is not between 8 and 48 kHz, RecognitionAbandoned
        after `stop` was set. What can be stopped is heard only once."""
        speech = _speech(_samples(pcm, sample_rate))
        if not len(speech):
            return Recognition("", 0.0)
        hypotheses = [self._transcribe_piece(piece, stop) for piece in split_pieces(speech)]
        recognised = [hypothesis for hypothesis in hypotheses if hypothesis.text]
        if not recognised:
            return Recognition("", 0.0)
        confidence = float(np.exp(np.mean([hypothesis.log_prob for hypothesis in recognised])))
        return Recognition(" ".join(hypothesis.text for hypothesis in recognised), confidence)

    def _transcribe_piece(self, piece: Floats, stop: RecognitionStop | None) -> Hypothesis:
        hypothesis = self._hear(piece, stop)
        if stop is not None or not _is_doubtful(hypothesis):
            return hypothesis
        second = self._hear(soxr.resample(piece, RATE * FASTER, RATE), stop)
        if not hypothesis.text:
            return second if second.log_prob >= RESCUE_LOG_PROB else hypothesis
        return max(hypothesis, second, key=lambda one: (bool(one.text), one.log_prob))

    def _hear(self, piece: Floats, stop: RecognitionStop | None) -> Hypothesis:
        """The model's text; "" where it is unreliable, or what the model puts out for noise."""
        margin = np.zeros(int(MARGIN_S * RATE), np.float32)
        hypothesis = self._model.transcribe(np.concatenate((margin, piece, margin)), stop)
        text = _OLD_SPELLING.sub(r"\1\2", hypothesis.text.replace("♪", "").strip())
        is_dropped = _is_unreliable(hypothesis) or _NOISE_OUTPUT.fullmatch(text)
        return Hypothesis("" if is_dropped else text, hypothesis.log_prob, hypothesis.looped)


def _is_unreliable(hypothesis: Hypothesis) -> bool:
    return hypothesis.looped or hypothesis.log_prob < MIN_LOG_PROB


def _is_doubtful(hypothesis: Hypothesis) -> bool:
    """Whether another hearing may be better: not of what the model is sure of, nor of noise."""
    return hypothesis.log_prob < SURE_LOG_PROB if hypothesis.text else _is_unreliable(hypothesis)


def split_pieces(speech: Floats) -> list[Floats]:
    """Speech in pieces of at most MAX_PIECE_S, each cut where the second half of that is quietest (RATE)."""
    longest = int(MAX_PIECE_S * RATE)
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
    """Returns the part that may hold speech, scaled to LEVEL_DB; empty when all is silent."""
    energy = _energy(samples)
    loud = float(np.quantile(energy, 0.95)) if len(energy) else 0.0
    if loud < 10 ** (SILENCE_DB / 10):
        return samples[:0]
    loud_frames = np.flatnonzero(energy > loud * 10 ** (-_EDGE_DB / 10))
    margin = int(0.2 * RATE)
    speech = samples[max(0, loud_frames[0] * _FRAME - margin) : (loud_frames[-1] + 1) * _FRAME + margin]
    level = float(energy[energy > loud * 10 ** (-26 / 10)].mean())
    scaled: Floats = speech * np.float32(np.sqrt(10 ** (LEVEL_DB / 10) / level))
    return scaled


def _energy(samples: Floats) -> Floats:
    """Mean square of each whole frame of 20 ms."""
    frames = samples[: len(samples) // _FRAME * _FRAME].reshape(-1, _FRAME)
    energy: Floats = np.square(frames).mean(axis=1, dtype=np.float32)
    return energy
