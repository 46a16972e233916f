"""API keys that were valid in this process lately. Others are counted by address before they are looked up: anybody can
make text with a right checksum, and a look-up takes a connection."""

from collections import OrderedDict
from typing import Final

# 32 bytes each.
MOST_KNOWN: Final = 8_192


class KnownKeys:
    """Hashes of secrets, those that were used longest ago dropped first."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._hashes: OrderedDict[bytes, None] = OrderedDict()

    def __contains__(self, secret: bytes) -> bool:
        return secret in self._hashes

    def add(self, secret: bytes) -> None:
        """Of a key that was valid just now."""
        self._hashes[secret] = None
        self._hashes.move_to_end(secret)
        if len(self._hashes) > self._most:
            self._hashes.popitem(last=False)

    def discard(self, secret: bytes) -> None:
        """Of a key that was refused just now."""
        self._hashes.pop(secret, None)
