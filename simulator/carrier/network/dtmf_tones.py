"""The tones of keys, as the simulated carriers play them."""

import numpy as np

from simulator.carrier.mulaw import RATE, SILENCE, encode

_ROWS = {row: hertz for keys, hertz in (("123A", 697), ("456B", 770), ("789C", 852), ("*0#D", 941)) for row in keys}
_COLUMNS = {
    key: hertz for keys, hertz in (("147*", 1209), ("2580", 1336), ("369#", 1477), ("ABCD", 1633)) for key in keys
}
_KEY_MS = 250
_GAP_MS = 100


def dtmf_tones(digits: str, ms: int = _KEY_MS) -> bytes:
    """Return DTMF tones (ITU-T Q.23) of 0-9 * # A-D as mu-law; w pauses 0.5 s, W 1 s. Raises ValueError."""
    return b"".join(_key(digit, ms) for digit in digits)


def _key(digit: str, ms: int) -> bytes:
    if digit in "wW":
        return SILENCE * (RATE // 2 if digit == "w" else RATE)
    if digit not in _ROWS:
        raise ValueError(f"{digit!r} is not a DTMF key")
    time = np.arange(ms * RATE // 1_000) / RATE
    wave = np.sin(2 * np.pi * _ROWS[digit] * time) + np.sin(2 * np.pi * _COLUMNS[digit] * time)
    return encode(np.rint(0.25 * 32_767 * wave).astype(np.int16)) + SILENCE * (_GAP_MS * RATE // 1_000)
