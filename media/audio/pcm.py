"""The C routines for 16-bit little-endian samples, imported once, and whole samples out of any chunks."""

import sys
import warnings

with warnings.catch_warnings():
    # Python 3.11 and 3.12 deprecate the module that 3.13 drops; there the same code is the package audioop-lts.
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

__all__ = ["WholeSamples", "audioop", "swap_bytes"]

# audioop takes samples in the machine's own order, and all that is linear here is little-endian.
if sys.byteorder != "little":
    raise ImportError("this program runs on little-endian machines only")


def swap_bytes(pcm: bytes) -> bytes:
    """Little- to big-endian samples, or back. The length must be even."""
    return audioop.byteswap(pcm, 2)


class WholeSamples:
    """Keeps a chunk's odd last byte for the next one."""

    def __init__(self) -> None:
        self._odd = b""

    def push(self, chunk: bytes) -> bytes:
        """Returns the whole samples that are there now."""
        if not self._odd and len(chunk) % 2 == 0:
            return chunk
        pcm = self._odd + chunk
        cut = len(pcm) & ~1
        self._odd = pcm[cut:]
        return pcm[:cut]
