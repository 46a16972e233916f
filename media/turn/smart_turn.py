"""Smart-turn v3.2: from the sound of the last seconds, has the caller finished? About 45 ms of a core for each answer.

The input is that of a Whisper encoder: 8 s at 16 kHz, normalised to zero mean and unit variance, as the logarithm of
80 mel bands every 10 ms.
"""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import soxr  # type: ignore[import-untyped]  # ships no types

from media.turn.onnx_models import open_session

RATE = 16_000
SECONDS = 8
PHONE_SAMPLES = SECONDS * RATE // 2
WINDOW, HOP = 400, 160
BANDS = 80
# Levels below this count as this, and so do those more than 80 dB (8 powers of ten) under the loudest.
FLOOR, RANGE = 1e-10, 8.0

Floats = npt.NDArray[np.float32]


class SmartTurn:
    """The model, for one thread; safe to share between threads. Raises model.ModelError when it cannot be opened."""

    def __init__(self, model_path: Path, *, threads: int = 1) -> None:
        self._session = open_session(model_path, {"input_features"}, threads)
        self._window = np.hanning(WINDOW + 1)[:-1].astype(np.float32)
        self._bands = _mel_bands().astype(np.float32)

    def finished(self, pcm8k: bytes) -> float:
        """The probability (0-1) that speech which ends like this is a finished turn.

        pcm8k: 16-bit little-endian, 8 kHz, its end is now; the last 8 s count, shorter audio is preceded by silence.
        """
        answer = self._session.run(None, {"input_features": self.features(pcm8k)[np.newaxis]})[0]
        return float(answer[0, 0])

    def features(self, pcm8k: bytes) -> Floats:
        """The input of the model: 80 mel bands by 800 steps of 10 ms."""
        samples = np.frombuffer(pcm8k, dtype="<i2")[-PHONE_SAMPLES:]
        wave = np.zeros(SECONDS * RATE, dtype=np.float32)
        wave[len(wave) - 2 * len(samples) :] = _double_rate(samples.astype(np.float32) / np.float32(32_768))
        wave = (wave - wave.mean()) / np.sqrt(wave.var() + np.float32(1e-7))
        padded = np.pad(wave, WINDOW // 2, mode="reflect")
        frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[: SECONDS * RATE : HOP]
        spectrum = np.fft.rfft(frames * self._window)
        power = spectrum.real**2 + spectrum.imag**2
        levels = np.log10(np.maximum(power.astype(np.float32) @ self._bands, FLOOR))
        levels = np.maximum(levels, levels.max() - RANGE)
        return np.ascontiguousarray((levels.T + 4) / 4, dtype=np.float32)


def _double_rate(samples: Floats) -> Floats:
    """8 to 16 kHz by pipecat's filter. One that keeps more of 3.7 to 4 kHz moves the answers by 0.03 on average."""
    doubled: Floats = soxr.resample(samples, RATE // 2, RATE, quality="HQ")[: 2 * len(samples)]
    return doubled


def _mel_bands() -> npt.NDArray[np.float64]:
    """Triangles of equal area, evenly spaced in mel (Slaney's: linear to 1 kHz, logarithmic above): bins by bands."""
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
    """Mel of a frequency above the knee."""
    return float(_KNEE_MEL + np.log(hertz / _KNEE_HZ) * _MEL_PER_E)


def _hertz(mel: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    return np.where(
        mel < _KNEE_MEL, mel * _KNEE_HZ / _KNEE_MEL, _KNEE_HZ * np.exp(np.maximum(mel - _KNEE_MEL, 0) / _MEL_PER_E)
    )
