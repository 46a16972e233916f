"""The rate of G.711 audio, as the phone network carries it."""

from typing import Final

RATE: Final = 8000  # samples, and bytes of mu-law or A-law, a second
BYTES_PER_MS: Final = RATE // 1000
