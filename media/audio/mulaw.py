"""G.711 mu-law, the phone network's 8-bit code in North America and Japan, converted to and from 16-bit
little-endian."""

from functools import lru_cache
from typing import Final

from media.audio.pcm import audioop
from shared.g711 import BYTES_PER_MS, RATE

__all__ = ["BYTES_PER_MS", "RATE", "SILENCE", "decode", "encode", "gain_table", "lower", "lower_early"]

SILENCE: Final = b"\xff"  # the code of sample 0


_LOWER: Final = audioop.lin2ulaw(audioop.mul(audioop.ulaw2lin(bytes(range(256)), 2), 2, 0.25), 2)


def lower(ulaw: bytes) -> bytes:
    """Return the audio lowered by 12 dB, to a quarter of the amplitude."""
    return ulaw.translate(_LOWER)


def lower_early(ulaw: bytes) -> bytes:
    """Return the audio lowered by 20 dB, to a tenth of the amplitude."""
    return ulaw.translate(gain_table(-20.0))


@lru_cache(maxsize=64)
def gain_table(db: float) -> bytes:
    """Return a table for `bytes.translate` that amplifies audio by `db`. Audio that gets too loud is clipped."""
    return audioop.lin2ulaw(audioop.mul(audioop.ulaw2lin(bytes(range(256)), 2), 2, 10 ** (db / 20)), 2)


def decode(ulaw: bytes) -> bytes:
    """Decode each byte to one 16-bit sample, within +-32124."""
    return audioop.ulaw2lin(ulaw, 2)


def encode(pcm: bytes) -> bytes:
    """Encode each 16-bit sample as one byte. The length must be even (audioop.error otherwise)."""
    return audioop.lin2ulaw(pcm, 2)
