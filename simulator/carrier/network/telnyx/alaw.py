"""G.711 A-law, from ITU-T recommendation G.711: the default codec of streams on a PCMA call."""

import numpy as np
from numpy.typing import NDArray

_LARGEST = 4_095  # 13 bits with sign, as the recommendation counts


def _encoding_table() -> NDArray[np.uint8]:
    sample = np.arange(-32_768, 32_768) >> 3
    positive = sample >= 0
    magnitude = np.minimum(np.where(positive, sample, -sample - 1), _LARGEST)
    segment = np.maximum(np.floor(np.log2(np.maximum(magnitude, 1))).astype(np.int64) - 4, 0)
    step = np.where(segment > 1, magnitude >> segment, magnitude >> 1) & 0x0F
    code = (segment << 4) | step
    return np.asarray((code | np.where(positive, 0x80, 0)) ^ 0x55, dtype=np.uint8)


_CODES = _encoding_table()


def encode(samples: NDArray[np.int16]) -> bytes:
    """Convert 16-bit samples to A-law bytes, one byte per sample."""
    return _CODES[samples.astype(np.int32) + 32_768].tobytes()
