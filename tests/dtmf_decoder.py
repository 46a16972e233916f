"""Reads DTMF keys from audio by Goertzel's algorithm, written from ITU-T Q.23 and Q.24; shares nothing with what makes
the tones."""

import math
from collections.abc import Iterator, Sequence

import numpy as np

from simulator.carrier.mulaw import decode

_LOW = (697.0, 770.0, 852.0, 941.0)
_HIGH = (1209.0, 1336.0, 1477.0, 1633.0)
_KEYS = ("123A", "456B", "789C", "*0#D")
_BLOCK = 205  # samples; 39 Hz a bin
_STEP = 80  # 10 ms
# Q.24: a receiver takes tones of 40 ms and gaps of 40 ms; the higher tone may be 4 dB stronger or 8 dB weaker.
_LEAST_BLOCKS = 3
_TWIST_DB = (-8.0, 4.0)
_LEAST_LEVEL = 400.0  # about -38 dBFS


def decode_keys(ulaw: bytes | bytearray) -> str:
    """The keys whose tones are in mu-law audio."""
    keys, last, count = "", "", 0
    for key in _blocks(decode(ulaw).astype(np.float64)):
        count = count + 1 if key == last else 1
        last = key
        if key and count == _LEAST_BLOCKS:
            keys += key
    return keys


def _blocks(samples: "np.ndarray[tuple[int], np.dtype[np.float64]]") -> Iterator[str]:
    for start in range(0, len(samples) - _BLOCK + 1, _STEP):
        yield _key(samples[start : start + _BLOCK].tolist())


def _key(block: Sequence[float]) -> str:
    energy = sum(one * one for one in block)
    if math.sqrt(energy / len(block)) < _LEAST_LEVEL:
        return ""
    low, high = [[_power(block, hertz) for hertz in group] for group in (_LOW, _HIGH)]
    row, column = low.index(max(low)), high.index(max(high))
    if 2 * (low[row] + high[column]) / (len(block) * energy) < 0.7:
        return ""
    twist = 10 * math.log10(high[column] / low[row])
    return _KEYS[row][column] if _TWIST_DB[0] <= twist <= _TWIST_DB[1] else ""


def _power(block: Sequence[float], hertz: float) -> float:
    factor = 2 * math.cos(2 * math.pi * hertz / 8_000)
    one = two = 0.0
    for sample in block:
        one, two = sample + factor * one - two, one
    return one * one + two * two - factor * one * two
