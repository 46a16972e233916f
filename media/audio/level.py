"""Finds where sound begins in mu-law audio."""

from typing import Final

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS
from media.audio.pcm import audioop

# Sound below -48 dB of full scale (RMS) is breath or noise before the words, or a carrier's comfort noise.
AUDIBLE_RMS: Final = 130
BLOCK_MS: Final = 10
_BLOCK: Final = BLOCK_MS * BYTES_PER_MS


def find_sound(ulaw: bytes | bytearray, from_ms: int = 0) -> int | None:
    """Return where the first audible 10 ms begin, in ms of the audio, or None if no part is audible.

    Args:
        from_ms: A multiple of 10 at which the search begins. A rest of less than 10 ms at the end is not searched.
    """
    for start in range(from_ms * BYTES_PER_MS, len(ulaw) - _BLOCK + 1, _BLOCK):
        if audioop.rms(mulaw.decode(bytes(ulaw[start : start + _BLOCK])), 2) > AUDIBLE_RMS:
            return start // BYTES_PER_MS
    return None
