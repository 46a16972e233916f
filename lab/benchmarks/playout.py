"""The carrier's playout buffer, which plays the agent's audio in real time."""

from collections import deque

BYTES_PER_SECOND = 8000


class Playout:
    """A buffer. Times are seconds of one clock; audio is counted in bytes of mu-law (8,000 per second)."""

    def __init__(self) -> None:
        self._dry_at = 0.0
        self._marks: deque[tuple[float, str]] = deque()

    def playing(self, now: float) -> bool:
        """Whether agent audio is playing."""
        return now < self._dry_at

    def play(self, now: float, size: int) -> float:
        """Queues `size` bytes; returns how long the buffer had been empty, in seconds."""
        gap = max(0.0, now - self._dry_at)
        self._dry_at = max(now, self._dry_at) + size / BYTES_PER_SECOND
        return gap

    def mark(self, now: float, name: str) -> None:
        """Queues a mark after all queued audio; due at once when nothing is queued."""
        self._marks.append((max(now, self._dry_at), name))

    def clear(self, now: float) -> list[str]:
        """Drops all audio; returns every pending mark, as Twilio does."""
        names = [name for _, name in self._marks]
        self._marks.clear()
        self._dry_at = min(self._dry_at, now)
        return names

    def played(self, now: float) -> list[str]:
        """The marks that were reached since the last call."""
        names = []
        while self._marks and self._marks[0][0] <= now:
            names.append(self._marks.popleft()[1])
        return names

    @property
    def pending(self) -> int:
        """How many marks were not reached yet."""
        return len(self._marks)

    def quiet_for(self, now: float) -> float:
        """Seconds since the buffer became empty; 0.0 while it plays."""
        return max(0.0, now - self._dry_at)
