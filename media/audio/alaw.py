"""G.711 A-law, the phone network's 8-bit code outside North America and Japan."""

from typing import Final

from media.audio.pcm import audioop

SILENCE: Final = b"\xd5"  # the code of sample 8, the nearest to 0

_CODES: Final = bytes(range(256))
_TO_ULAW: Final = audioop.lin2ulaw(audioop.alaw2lin(_CODES, 2), 2)
_FROM_ULAW: Final = audioop.lin2alaw(audioop.ulaw2lin(_CODES, 2), 2)


def decode(alaw: bytes) -> bytes:
    """Decode each byte to one 16-bit little-endian sample, within +-32256."""
    return audioop.alaw2lin(alaw, 2)


def encode(pcm: bytes) -> bytes:
    """Encode each 16-bit sample as one byte. The length must be even (audioop.error otherwise)."""
    return audioop.lin2alaw(pcm, 2)


def to_ulaw(alaw: bytes) -> bytes:
    """Convert A-law to mu-law, byte by byte, to the nearest linear value."""
    return alaw.translate(_TO_ULAW)


def from_ulaw(ulaw: bytes) -> bytes:
    """Convert mu-law to A-law, byte by byte, to the nearest linear value."""
    return ulaw.translate(_FROM_ULAW)
