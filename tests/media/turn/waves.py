"""Sounds for tests of the voice detector: a recording and seeded noise, at phone band."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile  # type: ignore[import-untyped]  # ships no types
import soxr  # type: ignore[import-untyped]  # ships no types

from media.audio import mulaw

CLIP = Path(__file__).parents[3] / "config/samples/jfk.flac"
Wave = npt.NDArray[np.float64]
RATE = 8_000


def read_speech() -> Wave:
    """Eleven seconds of a speech of 1961 at 8 kHz: the first phrase lasts from 0.3 to 2.1 s, then 1.1 s of pause."""
    wave, rate = soundfile.read(CLIP, always_2d=True)
    resampled: Wave = soxr.resample(wave.mean(axis=1), rate, RATE)
    return resampled


def silence(ms: int) -> Wave:
    return np.zeros(ms * RATE // 1_000)


def noise(ms: int, level: float, seed: int, *, color: float = 0.0) -> Wave:
    """Noise of the given RMS; its power falls with frequency to the power of `color` (0 white, 1 pink)."""
    count = ms * RATE // 1_000
    spectrum = np.fft.rfft(np.random.default_rng(seed).normal(size=count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 1) ** (color / 2)
    wave: Wave = np.fft.irfft(spectrum, count)
    scaled: Wave = wave * (level / wave.std())
    return scaled


def frames(wave: Wave) -> list[bytes]:
    """Returns 20 ms frames of phone audio."""
    pcm = mulaw.decode(mulaw.encode((np.clip(wave, -1, 1) * 32_767).astype("<i2").tobytes()))
    return [pcm[start : start + 320] for start in range(0, len(pcm) - 319, 320)]
