"""G.711 mu-law by table, from ITU-T recommendation G.711: 8 kHz mono, one byte per sample."""

import numpy as np
from numpy.typing import NDArray

RATE = 8_000
FRAME_MS = 20
FRAME = RATE * FRAME_MS // 1_000
SILENCE = b"\xff"
SILENT_FRAME = SILENCE * FRAME

_BIAS = 132
_CLIP = 32_635


def _decoding_table() -> NDArray[np.int16]:
    code = ~np.arange(256) & 0xFF
    exponent = (code >> 4) & 0x07
    magnitude = ((((code & 0x0F) << 3) + _BIAS) << exponent) - _BIAS
    return np.where(code & 0x80, -magnitude, magnitude).astype(np.int16)


def _encoding_table() -> NDArray[np.uint8]:
    sample = np.arange(-32_768, 32_768)
    magnitude = np.minimum(np.abs(sample), _CLIP) + _BIAS
    exponent = np.floor(np.log2(magnitude)).astype(np.int64) - 7
    mantissa = (magnitude >> (exponent + 3)) & 0x0F
    sign = np.where(sample < 0, 0x80, 0)
    return np.asarray(~(sign | (exponent << 4) | mantissa) & 0xFF, dtype=np.uint8)


_LINEAR = _decoding_table()
_CODES = _encoding_table()


def decode(ulaw: bytes | bytearray) -> NDArray[np.int16]:
    """Convert mu-law bytes to 16-bit samples, one sample per byte."""
    return _LINEAR[np.frombuffer(ulaw, dtype=np.uint8)]


def encode(samples: NDArray[np.int16]) -> bytes:
    """Convert 16-bit samples to mu-law bytes, one byte per sample."""
    return _CODES[samples.astype(np.int32) + 32_768].tobytes()


def mix(one: bytes, other: bytes) -> bytes:
    """Return the clipped sum of two pieces of mu-law audio with equal length."""
    total = decode(one).astype(np.int32) + decode(other).astype(np.int32)
    return encode(np.clip(total, -32_768, 32_767).astype(np.int16))


def to_float(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Convert 16-bit samples to the range -1.0..1.0."""
    return samples.astype(np.float32) / np.float32(32_768)


def to_int16(samples: NDArray[np.float32]) -> NDArray[np.int16]:
    """Convert samples in the range -1.0..1.0 to 16 bits, clipped."""
    return np.asarray(np.rint(np.clip(samples, -1.0, 1.0) * 32_767.0), dtype=np.int16)
