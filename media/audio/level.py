"""Where sound begins in mu-law audio."""

from typing import Final

from media.audio import mulaw
from media.audio.mulaw import BYTES_PER_MS
from media.audio.pcm import audioop

# Softer sound than -48 dB of full scale (RMS) is the breath or noise before the words, or a carrier's comfort noise.
AUDIBLE_RMS: Final = 130
BLOCK_MS: Final = 10
_BLOCK: Final = BLOCK_MS * BYTES_PER_MS


def find_sound(ulaw: bytes | bytearray, from_ms: int = 0) -> int | None:
    """Returns where the first audible 10 ms begin, in ms of the audio; None if it holds none. from_ms: a multiple of
    10, before which nothing is looked at. What is left of less than 10 ms at the end is not looked at either."""
    for start in range(from_ms * BYTES_PER_MS, len(ulaw) - _BLOCK + 1, _BLOCK):
        if audioop.rms(mulaw.decode(bytes(ulaw[start : start + _BLOCK])), 2) > AUDIBLE_RMS:
            return start // BYTES_PER_MS
    return None
