"""Noise for a phone line: white, pink or babble. The same seed makes the same noise."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.audio_clip import Clip
from simulator.carrier.audio_level import dbfs, speech_level
from simulator.carrier.mulaw import FRAME, RATE, SILENT_FRAME, decode, encode, to_int16

_LOOP_S = 10
_TALKERS = 6


class NoiseKind(StrEnum):
    """The kinds of noise."""

    WHITE = "white"
    PINK = "pink"
    BABBLE = "babble"


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise under the speech of one turn.

    Attributes:
        snr_db: How far the noise is below the speech.
    """

    kind: NoiseKind
    snr_db: float
    seed: int = 1


def make_noise(kind: NoiseKind, samples: int, seed: int) -> NDArray[np.float32]:
    """Return `samples` samples at 8 kHz with an RMS of 1.0."""
    random = np.random.default_rng(seed)
    if kind is NoiseKind.BABBLE:
        noise_samples = sum((_talker(random, samples) for _ in range(_TALKERS)), np.zeros(samples))
    else:
        noise_samples = _colored(random, samples, 0.0 if kind is NoiseKind.WHITE else 0.5)
    return np.asarray(noise_samples / (np.sqrt(np.mean(np.square(noise_samples))) + 1e-12), dtype=np.float32)


def add_noise(clip: Clip, noise: Noise) -> Clip:
    """Return the clip with noise added. Its speech span is unchanged."""
    voice = clip.samples()
    level = speech_level(voice) if clip.speech else dbfs(voice)
    scale = np.float32(10 ** ((level - noise.snr_db) / 20))
    return Clip(encode(to_int16(voice + scale * make_noise(noise.kind, len(voice), noise.seed))), clip.speech)


class LineNoise:
    """Background noise of a line under and between speech: none, comfort noise or babble.

    A phone line sends continuously, so digital silence is also sent as frames.
    """

    def __init__(self, kind: NoiseKind | None = None, level_dbfs: float = -65.0, seed: int = 2) -> None:
        self._loop: NDArray[np.int32] | None = None
        if kind is not None:
            noise_samples = make_noise(kind, _LOOP_S * RATE, seed) * np.float32(32_768 * 10 ** (level_dbfs / 20))
            self._loop = np.rint(noise_samples).astype(np.int32)

    def frame(self, number: int, voice: bytes = SILENT_FRAME) -> bytes:
        """Return frame `number`: 160 bytes of background noise with `voice` (at most 160 bytes) mixed in."""
        if self._loop is None:
            return voice.ljust(FRAME, SILENT_FRAME[:1])
        start = number * FRAME % len(self._loop)
        mixed = self._loop[start : start + FRAME].copy()
        mixed[: len(voice)] += decode(voice)
        return encode(np.clip(mixed, -32_768, 32_767).astype(np.int16))


def _colored(random: np.random.Generator, samples: int, fall: float) -> NDArray[np.float64]:
    """Return noise whose amplitude falls with the frequency to the power of `fall` (0: white, 0.5: pink)."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples)
    frequency[0] = np.inf if fall else 1.0
    return np.asarray(np.fft.irfft(spectrum * frequency**-fall, n=samples))


def _talker(random: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """Return a voice-like signal without words: a varying pitch with falling harmonics, in syllables."""
    time = np.arange(samples) / RATE
    pitch = random.uniform(95, 220) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.3, 0.9) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum((np.sin(order * phase) / order for order in range(1, 13)), np.zeros(samples))
    turns = random.uniform(0, 2 * np.pi, 2)
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2.5, 4.5) * time + turns[0]) + 0.3, 0, None)
    sentences = np.sin(2 * np.pi * random.uniform(0.1, 0.3) * time + turns[1]) > -0.5
    return np.asarray((voice + 0.3 * random.standard_normal(samples)) * syllables * sentences)
