"""16-bit little-endian samples: the C routines of audioop, and the alignment of chunks to whole samples."""

import sys
import warnings

with warnings.catch_warnings():
    # Python 3.11 and 3.12 deprecate the module, and 3.13 removes it. The package audioop-lts contains the same code for
    # 3.13.
    warnings.filterwarnings("ignore", message="'audioop' is deprecated", category=DeprecationWarning)
    import audioop

__all__ = ["WholeSamples", "audioop", "swap_bytes"]

# audioop uses the machine's byte order, and all linear samples here are little-endian.
if sys.byteorder != "little":
    raise ImportError("this program runs on little-endian machines only")


def swap_bytes(pcm: bytes) -> bytes:
    """Convert little- to big-endian samples, or back. The length must be even."""
    return audioop.byteswap(pcm, 2)


class WholeSamples:
    """Buffers a chunk's odd last byte until the next chunk."""

    def __init__(self) -> None:
        self._odd = b""

    def push(self, chunk: bytes) -> bytes:
        """Return the complete samples."""
        if not self._odd and len(chunk) % 2 == 0:
            return chunk
        pcm = self._odd + chunk
        cut = len(pcm) & ~1
        self._odd = pcm[cut:]
        return pcm[:cut]
