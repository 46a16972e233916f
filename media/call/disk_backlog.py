"""Limits how much recorded audio of all calls may wait for the disk."""

from typing import Final

# 8,000 s of audio.
MOST_BYTES: Final = 268_435_456


class DiskBacklog:
    """Counts what one thread hands over and another thread processes. Each has its own sum, so neither waits."""

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most = most_bytes
        self._added = self._taken = 0

    @property
    def waiting_bytes(self) -> int:
        """The number of bytes that wait now."""
        return self._added - self._taken

    def add(self, size: int) -> bool:
        """Count bytes before they are handed over. Call this on the event loop.

        Returns False, and counts nothing, if there is no room for them.
        """
        if self.waiting_bytes + size > self._most:
            return False
        self._added += size
        return True

    def take(self, size: int) -> None:
        """Count bytes that are written or lost. Call this on the disk thread."""
        self._taken += size
