"""Arithmetic of recordings: levels, trimming, the noise of a place, mixing, telephone frames. 8 kHz, full scale 1."""

from typing import Final

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # ships no types

from media.audio import mulaw

Samples = npt.NDArray[np.float32]

RATE: Final = mulaw.RATE
PER_MS: Final = RATE // 1_000
FRAME_MS: Final = 20
# The level at which callers are played unless a family says otherwise: that of a usual telephone line.
USUAL_DB: Final = -26.0
# At the ends of speech, what is more than this under its level, or not so much over the recording's noise, is no voice
# but the room; what is no more than the third figure under its level is voice in any case.
EDGE_DB, OVER_NOISE_DB, VOICE_DB = 25.0, 8.0, 12.0
_BLOCK: Final = 10 * PER_MS
# A room's noise is taken for no softer and no louder than this: MP3 may have digital silence, and music has no pauses.
_SOFTEST_DB, _LOUDEST_DB = -65.0, -48.0
_QUIET_SHARE: Final = 0.1


def resample(samples: Samples, rate: int) -> Samples:
    """Resamples a whole recording to 8 kHz."""
    resampled: Samples = samples if rate == RATE else soxr.resample(samples, rate, RATE).astype(np.float32)
    return resampled


def block_levels(samples: Samples) -> npt.NDArray[np.float64]:
    """The level of each whole block of 10 ms, in dB of full scale."""
    blocks = samples[: len(samples) // _BLOCK * _BLOCK].reshape(-1, _BLOCK).astype(np.float64)
    levels: npt.NDArray[np.float64] = 10 * np.log10(np.square(blocks).mean(axis=1) + 1e-12)
    return levels


def active_level(samples: Samples) -> float:
    """The level of the loudest half of the blocks within 26 dB of the loudest: speech without its pauses."""
    levels = block_levels(samples)
    loud = levels[levels > levels.max() - 26.0]
    return float(10 * np.log10(np.mean(10 ** (loud / 10))))


def trim(samples: Samples) -> Samples:
    """Cuts what is softer than the voice off both ends, so that the last sample is the true end of speech; empty if the
    recording is shorter than 10 ms."""
    if len(samples) < _BLOCK:
        return samples[:0]
    levels, level = block_levels(samples), active_level(samples)
    noise = float(np.quantile(levels, _QUIET_SHARE))
    voiced = np.flatnonzero(levels > min(level - VOICE_DB, max(level - EDGE_DB, noise + OVER_NOISE_DB)))
    return samples[voiced[0] * _BLOCK : (voiced[-1] + 1) * _BLOCK]


def first_clear_ms(samples: Samples) -> float:
    """Where the first 10 ms are that are voice in any case, in ms; 0 for a sound without any."""
    if len(samples) < _BLOCK:
        return 0.0
    clear = np.flatnonzero(block_levels(samples) >= active_level(samples) - VOICE_DB)
    return float(clear[0] * _BLOCK / PER_MS)


def at_level(samples: Samples, level_db: float) -> Samples:
    """Scales speech to an active level in dB of full scale; what would exceed full scale is clipped."""
    gain = np.float32(10 ** ((level_db - active_level(samples)) / 20))
    scaled: Samples = np.clip(samples * gain, -1.0, 1.0)
    return scaled


def room_noise(samples: Samples, ms: int, seed: int) -> Samples:
    """Noise with the spectrum and the level of a recording's softest tenth, so that a made pause is no digital silence.

    Where the recording has no soft place, or is silent there, the level is bounded (-65 to -48 dB of full scale)."""
    levels = block_levels(samples)
    quiet = np.argsort(levels)[: max(4, int(len(levels) * _QUIET_SHARE))]
    blocks = samples[: len(levels) * _BLOCK].reshape(-1, _BLOCK)[quiet]
    shape = np.sqrt(np.mean(np.abs(np.fft.rfft(blocks * np.hanning(_BLOCK), axis=1)) ** 2, axis=0)) + 1e-9
    count = ms * PER_MS
    if not count:
        return np.zeros(0, np.float32)
    white = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    curve = np.interp(np.linspace(0, 1, len(white)), np.linspace(0, 1, len(shape)), shape)
    noise = np.fft.irfft(white * curve, count)
    level = float(np.clip(10 * np.log10(np.mean(10 ** (levels[quiet] / 10))), _SOFTEST_DB, _LOUDEST_DB))
    scaled: Samples = (noise * (10 ** (level / 20) / np.sqrt(np.mean(noise**2)))).astype(np.float32)
    return scaled


def to_frames(samples: Samples) -> list[bytes]:
    """Telephone frames: 20 ms of mu-law each, the last one filled up with silence."""
    pcm = np.round(np.clip(samples, -1.0, 1.0) * 32_767).astype("<i2")
    size = FRAME_MS * PER_MS
    padded = np.pad(pcm, (0, -len(pcm) % size))
    return [mulaw.encode(padded[at : at + size].tobytes()) for at in range(0, len(padded), size)]


def to_pcm(samples: Samples) -> bytes:
    """16-bit little-endian PCM as it is after a telephone line (through mu-law)."""
    return mulaw.decode(b"".join(to_frames(samples)))
