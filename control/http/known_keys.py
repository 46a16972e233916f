"""API keys that were valid in this process lately. Their requests are counted by key before they take a connection;
others by address: anybody can make text with a right checksum."""

from collections import OrderedDict
from typing import Final
from uuid import UUID

# About 300 bytes each.
MOST_KNOWN: Final = 8_192


class KnownKeys:
    """Ids of keys by the hash of a secret, those that were used longest ago dropped first."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        self._ids: OrderedDict[bytes, UUID] = OrderedDict()

    def find(self, secret: bytes) -> UUID | None:
        """The key's id; None: it was not valid lately."""
        return self._ids.get(secret)

    def add(self, secret: bytes, key_id: UUID) -> None:
        """Of a key that was valid just now."""
        self._ids[secret] = key_id
        self._ids.move_to_end(secret)
        if len(self._ids) > self._most:
            self._ids.popitem(last=False)

    def discard(self, secret: bytes) -> None:
        """Of a key that was not valid just now."""
        self._ids.pop(secret, None)
