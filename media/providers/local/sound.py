"""Audio processing of speech before a model transcribes it: mono at 16 kHz, full scale 1."""

from typing import Final

import numpy as np
import soxr  # type: ignore[import-untyped]  # ships no types

from media.providers.local.moonshine import RATE, Floats

FRAME: Final = RATE // 50  # 20 ms


def frame_energy(samples: Floats) -> Floats:
    """Return the mean square of each whole frame of 20 ms."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)
    energy: Floats = np.square(frames).mean(axis=1, dtype=np.float32)
    return energy


def smoothed(energy: Floats, frames: int) -> Floats:
    """Return the mean energy of the frames around each frame."""
    means: Floats = np.convolve(energy, np.full(frames, 1 / frames), "same")
    return means


def with_margins(speech: Floats, seconds: float) -> Floats:
    """Add silence before and after the speech."""
    margin = np.zeros(int(seconds * RATE), np.float32)
    return np.concatenate((margin, speech, margin))


def at_speed(speech: Floats, speed: float) -> Floats:
    """Play speech faster or slower, which changes its pitch."""
    if speed == 1.0:
        return speech
    resampled: Floats = soxr.resample(speech, RATE * speed, RATE)
    return resampled
