"""DTMF: the tones of a telephone's keys (ITU-T Q.23) as mu-law at 8 kHz, and their share of a frame's energy.

Each key has two tones. They last 100 ms, followed by 100 ms of silence, which is twice what a receiver needs (40 ms,
ETSI ES 201 235-3). Their levels are -9 and -7 dBm0. The higher tone is 2 dB stronger, because lines attenuate high
frequencies more.
"""

import math
import re
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS, RATE

TONE_MS: Final = 100
GAP_MS: Final = 100
# The duration of a pause, by the characters that carriers and dial strings use for it.
PAUSES_MS: Final = {"w": 500, ",": 500, "W": 1_000}
_ROWS: Final = (("123A", 697), ("456B", 770), ("789C", 852), ("*0#D", 941))
_COLUMNS: Final = (("147*", 1209), ("2580", 1336), ("369#", 1477), ("ABCD", 1633))
_LOW_DBM0: Final = -9.0
_HIGH_DBM0: Final = -7.0
# A full-scale sine is +3.17 dBm0 in mu-law (ITU-T G.711), and its largest code is 32,124.
_FULL_SCALE_DBM0: Final = 3.17
_LARGEST: Final = 32_124
_VALID: Final = re.compile(r"[0-9A-D*#wW,]*")


def is_dial_string(text: str) -> bool:
    """Return whether the text contains only keys (0-9 A-D * #) and pauses (w , W)."""
    return _VALID.fullmatch(text) is not None


def frequencies(key: str) -> tuple[int, int]:
    """Return the low and the high tone of a key in Hz. Raises ValueError for any other text."""
    low = next((hertz for keys, hertz in _ROWS if key in keys and len(key) == 1), 0)
    high = next((hertz for keys, hertz in _COLUMNS if key in keys), 0)
    if not low:
        raise ValueError(f"{key!r} is not a telephone key")
    return low, high


def duration_ms(dial_string: str) -> int:
    """Return the duration of a dial string's tones and pauses in ms."""
    return sum(PAUSES_MS.get(character, TONE_MS + GAP_MS) for character in dial_string)


def make_tones(dial_string: str) -> bytes:
    """Return the tones of a dial string as mu-law. Raises ValueError for characters that `is_dial_string` rejects."""
    return b"".join(
        mulaw.SILENCE * (PAUSES_MS[key] * BYTES_PER_MS) if key in PAUSES_MS else _make_key(key) for key in dial_string
    )


def tone_share(pcm: bytes, key: str) -> float:
    """Return the share (0 to 1) of the energy of a piece of audio that is in the two tones of a key; 0 for silence."""
    samples = np.frombuffer(pcm, "<i2").astype(np.float64)
    energy = float(samples @ samples)
    if not energy:
        return 0.0
    projections = _waves(key, len(samples)) @ samples
    return min(1.0, float(projections @ projections) * 2.0 / (len(samples) * energy))


@cache
def _make_key(key: str) -> bytes:
    low, high = frequencies(key)
    time = np.arange(TONE_MS * BYTES_PER_MS) * (2.0 * math.pi / RATE)
    wave = _amplitude(_LOW_DBM0) * np.sin(low * time) + _amplitude(_HIGH_DBM0) * np.sin(high * time)
    return mulaw.encode(np.rint(wave).astype("<i2").tobytes()) + mulaw.SILENCE * (GAP_MS * BYTES_PER_MS)


def _amplitude(dbm0: float) -> float:
    return float(_LARGEST * 10.0 ** ((dbm0 - _FULL_SCALE_DBM0) / 20.0))


@cache
def _waves(key: str, count: int) -> NDArray[np.float64]:
    """Return cosine and sine of both tones. Callers use a single length, that of a frame, so the cache holds 16 keys in
    80 KB."""
    angles = np.outer(frequencies(key), np.arange(count) * (2.0 * math.pi / RATE))
    return np.concatenate((np.cos(angles), np.sin(angles)))
