"""Noise for the line: white, pink and babble, the same for the same seed."""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from simulator.carrier.clip import Clip
from simulator.carrier.level import dbfs, speech_level
from simulator.carrier.mulaw import FRAME, RATE, SILENT_FRAME, decode, encode, to_int16

_LOOP_S = 10
_TALKERS = 6


class Kind(StrEnum):
    """What the noise sounds like."""

    WHITE = "white"
    PINK = "pink"
    BABBLE = "babble"


@dataclass(frozen=True, slots=True)
class Noise:
    """Noise under one turn's speech; `snr_db` is how far it lies below the speech's level."""

    kind: Kind
    snr_db: float
    seed: int = 1


def make_noise(kind: Kind, samples: int, seed: int) -> NDArray[np.float32]:
    """`samples` samples at 8 kHz with an RMS of 1.0."""
    random = np.random.default_rng(seed)
    if kind is Kind.BABBLE:
        made = sum((_talker(random, samples) for _ in range(_TALKERS)), np.zeros(samples))
    else:
        made = _coloured(random, samples, 0.0 if kind is Kind.WHITE else 0.5)
    return np.asarray(made / (np.sqrt(np.mean(np.square(made))) + 1e-12), dtype=np.float32)


def with_noise(clip: Clip, noise: Noise) -> Clip:
    """The clip with noise under all of it; where its speech begins and ends stays as it was."""
    voice = clip.samples()
    level = speech_level(voice) if clip.speech else dbfs(voice)
    scale = np.float32(10 ** ((level - noise.snr_db) / 20))
    return Clip(encode(to_int16(voice + scale * make_noise(noise.kind, len(voice), noise.seed))), clip.speech)


class LineSound:
    """What the line carries while nobody speaks on it, and under everything: nothing, comfort noise, a busy street.

    A phone line never stops sending: a frame of digital silence is still a frame.
    """

    def __init__(self, kind: Kind | None = None, level_dbfs: float = -65.0, seed: int = 2) -> None:
        self._loop: NDArray[np.int32] | None = None
        if kind is not None:
            made = make_noise(kind, _LOOP_S * RATE, seed) * np.float32(32_768 * 10 ** (level_dbfs / 20))
            self._loop = np.rint(made).astype(np.int32)

    def frame(self, number: int, voice: bytes = SILENT_FRAME) -> bytes:
        """The line's 160 bytes of 20 ms number `number`, with `voice` (at most as long) over its own sound."""
        if self._loop is None:
            return voice.ljust(FRAME, SILENT_FRAME[:1])
        start = number * FRAME % len(self._loop)
        mixed = self._loop[start : start + FRAME].copy()
        mixed[: len(voice)] += decode(voice)
        return encode(np.clip(mixed, -32_768, 32_767).astype(np.int16))


def _coloured(random: np.random.Generator, samples: int, fall: float) -> NDArray[np.float64]:
    """Noise whose amplitude falls with frequency to the power of `fall` (0: white, 0.5: pink)."""
    spectrum = np.fft.rfft(random.standard_normal(samples))
    frequency = np.fft.rfftfreq(samples)
    frequency[0] = np.inf if fall else 1.0
    return np.asarray(np.fft.irfft(spectrum * frequency**-fall, n=samples))


def _talker(random: np.random.Generator, samples: int) -> NDArray[np.float64]:
    """A voice-like sound without words: a wandering pitch with falling harmonics, in syllables."""
    time = np.arange(samples) / RATE
    pitch = random.uniform(95, 220) * (1 + 0.1 * np.sin(2 * np.pi * random.uniform(0.3, 0.9) * time))
    phase = 2 * np.pi * np.cumsum(pitch) / RATE
    voice = sum((np.sin(order * phase) / order for order in range(1, 13)), np.zeros(samples))
    turns = random.uniform(0, 2 * np.pi, 2)
    syllables = np.clip(np.sin(2 * np.pi * random.uniform(2.5, 4.5) * time + turns[0]) + 0.3, 0, None)
    sentences = np.sin(2 * np.pi * random.uniform(0.1, 0.3) * time + turns[1]) > -0.5
    return np.asarray((voice + 0.3 * random.standard_normal(samples)) * syllables * sentences)
