"""Computes the input of Whisper's encoder and of smart-turn: the logarithm of 80 mel bands every 10 ms."""

from typing import Final

import numpy as np
import numpy.typing as npt

RATE: Final = 16_000
WINDOW, HOP = 400, 160
BANDS: Final = 80
# Levels below FLOOR, or more than 80 dB (8 powers of ten) below the loudest level, are raised to that value.
FLOOR, RANGE = 1e-10, 8.0

Floats = npt.NDArray[np.float32]


class LogMel:
    """Computes mel bands. The window and the bands are computed once. Threads may share an instance."""

    def __init__(self) -> None:
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._bands = _mel_bands().astype(np.float32)

    def levels(self, wave: Floats) -> Floats:
        """Return 80 mel bands for each step of 10 ms that begins in the wave: mono, at RATE, longer than 12.5 ms."""
        padded = np.pad(wave, WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: len(wave) : HOP]
        spectrum = np.fft.rfft(frames * self._window)
        power = spectrum.real**2 + spectrum.imag**2
        levels = np.log10(np.maximum(power.astype(np.float32) @ self._bands, FLOOR))
        levels = np.maximum(levels, levels.max() - RANGE)
        return np.ascontiguousarray((levels.T + 4) / 4, dtype=np.float32)


def _mel_bands() -> npt.NDArray[np.float64]:
    """Return triangles of equal area, evenly spaced on Slaney's mel scale (linear to 1 kHz, logarithmic above), with
    the shape (bins, bands)."""
    edges = _hertz(np.linspace(0.0, _mel(RATE / 2), BANDS + 2))
    bins = np.linspace(0.0, RATE / 2, WINDOW // 2 + 1)[:, np.newaxis]
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising = (bins - low) / (middle - low)
    falling = (high - bins) / (high - middle)
    bands: npt.NDArray[np.float64] = np.maximum(0.0, np.minimum(rising, falling)) * 2.0 / (high - low)
    return bands


# Slaney's mel: 15 mel at 1 kHz, and 27 more for each factor of 6.4.
_KNEE_HZ, _KNEE_MEL = 1_000.0, 15.0
_MEL_PER_E = 27.0 / np.log(6.4)


def _mel(hertz: float) -> float:
    """Return the mel of a frequency above the knee."""
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HZ) * _MEL_PER_E)


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(
        mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, _KNEE_HZ * np.exp(np.maximum(mel - _KNEE_MEL, 0) / _MEL_PER_E)
    )
