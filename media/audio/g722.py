"""G.722 at 64 kbit/s, the codec of HD voice between phone networks, decoded to the telephone band.

Only the lower of its two sub-bands is decoded. This sub-band contains the part of the 16 kHz signal below 4 kHz,
sampled at 8 kHz (ITU-T G.722, 1.4). Libg722 computes it bit-exactly, in 4 us per frame.
"""

from G722 import G722  # type: ignore[import-not-found, import-untyped, unused-ignore]  # ships no types

_BIT_RATE = 64_000


class G722Decoder:
    """The decoder of one stream. Its audio must be processed in order."""

    def __init__(self) -> None:
        self._decode = G722(8_000, _BIT_RATE, False).decode

    def process(self, g722: bytes) -> bytes:
        """Decode each byte, 125 us of audio, to one 16-bit little-endian sample."""
        return bytes(self._decode(g722).tobytes())
