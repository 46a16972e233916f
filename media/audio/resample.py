"""Resampling between 8 kHz and its multiples for the live path, with a delay of 2 ms.

A polyphase linear-phase FIR low-pass (windowed sinc): flat within 0.1 dB up to 3.4 kHz, 60 dB down from 4.4 kHz, so
that nothing aliases into the telephone band. (soxr's streaming mode delays audio by at least 64 ms.)
"""

from functools import lru_cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.audio.pcm import WholeSamples

DELAY_MS: Final = 2
_CUTOFF: Final = 3900 / 8000  # relative to 8 kHz: between the end of the telephone band and its alias
_KAISER_BETA: Final = 6.0  # 63 dB

Samples = NDArray[np.float32]


class Decimator:
    """Converts `factor` x 8 kHz to 8 kHz, in chunks of any size (which affects only the rounding)."""

    def __init__(self, factor: int) -> None:
        self._taps = _low_pass(factor)
        self._factor = factor
        self._whole = WholeSamples()
        self._past = np.zeros(len(self._taps) - 1, np.float32)
        self._skip = 0  # samples to skip at the start of the next chunk

    def process(self, pcm: bytes) -> bytes:
        """Process 16-bit little-endian mono samples. The output is delayed by DELAY_MS."""
        samples = np.concatenate((self._past, _samples(self._whole.push(pcm))))
        fresh = len(samples) - len(self._past)
        if not fresh:
            return b""
        low = np.correlate(samples, self._taps, "valid")[self._skip :: self._factor]
        self._skip = (self._skip - fresh) % self._factor
        self._past = samples[fresh:].copy()
        return _pcm(low)


class Interpolator:
    """Converts 8 kHz to `factor` x 8 kHz, in chunks of any size (which affects only the rounding)."""

    def __init__(self, factor: int) -> None:
        taps = _low_pass(factor)
        padded = np.concatenate((taps, np.zeros(-len(taps) % factor, np.float32))) * np.float32(factor)
        # correlate() does not reverse the taps, so each phase is reversed here
        self._phases = [np.ascontiguousarray(padded[phase::factor][::-1]) for phase in range(factor)]
        self._whole = WholeSamples()
        self._past = np.zeros(len(self._phases[0]) - 1, np.float32)

    def process(self, pcm: bytes) -> bytes:
        """Process 16-bit little-endian mono samples. The output is delayed by DELAY_MS."""
        samples = np.concatenate((self._past, _samples(self._whole.push(pcm))))
        fresh = len(samples) - len(self._past)
        if not fresh:
            return b""
        full = np.empty((fresh, len(self._phases)), np.float32)
        for phase, taps in enumerate(self._phases):
            full[:, phase] = np.correlate(samples, taps, "valid")
        self._past = samples[fresh:].copy()
        return _pcm(full)


@lru_cache
def _low_pass(factor: int) -> Samples:
    """Return 32 x factor + 1 taps at factor x 8 kHz: 2 ms from the first to the middle tap, unity gain at 0 Hz."""
    middle = 16 * factor
    time = np.arange(-middle, middle + 1) / factor  # in samples of 8 kHz
    taps = np.sinc(2 * _CUTOFF * time) * np.kaiser(len(time), _KAISER_BETA)
    unity: Samples = (taps / taps.sum()).astype(np.float32)
    return unity


def _samples(pcm: bytes) -> Samples:
    return np.frombuffer(pcm, "<i2").astype(np.float32)


def _pcm(samples: Samples) -> bytes:
    """Round and clip to 16 bits."""
    return np.rint(samples).clip(-32768, 32767).astype("<i2").tobytes()
