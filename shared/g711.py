"""The sample rate of G.711 audio."""

from typing import Final

RATE: Final = 8000  # samples, and bytes of mu-law or A-law, a second
BYTES_PER_MS: Final = RATE // 1000
