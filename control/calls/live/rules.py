"""Measures how long this process has known an item, by a monotonic clock."""

import time
from collections.abc import Callable


class FirstSeen:
    """Remembers when each name was first seen.

    Args:
        forget_s: A name that was not asked for this long is forgotten.
        clock: Monotonic seconds.
    """

    def __init__(self, forget_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._forget_s, self._clock = forget_s, clock
        self._seen: dict[str, tuple[float, float]] = {}  # first and last time

    def age_s(self, name: str) -> float:
        """Returns the seconds since the first question about this name."""
        now = self._clock()
        self._forget_before(now - self._forget_s)
        first, _ = self._seen.pop(name, (now, now))
        self._seen[name] = first, now  # the latest is the last of the dictionary
        return now - first

    def _forget_before(self, moment: float) -> None:
        while self._seen:
            oldest = next(iter(self._seen))
            if self._seen[oldest][1] >= moment:
                return
            del self._seen[oldest]
