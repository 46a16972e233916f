"""Limits how much recorded audio of all calls may wait for the disk."""

from typing import Final

# 8,000 s of sound.
MOST_BYTES: Final = 268_435_456


class DiskBacklog:
    """Counts what one thread hands over and another one takes. Neither waits for the other: each has its own sum."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._added = self._taken = 0

    @property
    def waiting_bytes(self) -> int:
        """What waits now."""
        return self._added - self._taken

    def add(self, size: int) -> bool:
        """Called on the event loop before so many bytes are handed over. Returns False, and counts nothing, if there
        is no room for them."""
        if self.waiting_bytes + size > self._most:
            return False
        self._added += size
        return True

    def take(self, size: int) -> None:
        """Called on the disk thread once so many bytes are written, or lost."""
        self._taken += size
