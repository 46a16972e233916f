"""A token bucket: how often a person may ask for something."""


class RequestBudget:
    """Admits `at_once` requests, and then `per_s` in each second."""

    def __init__(self, at_once: int, per_s: float, now: float) -> None:
        """now: seconds, of any clock that the caller keeps to."""
        self._at_once, self._per_s = at_once, per_s
        self._left, self._at = float(at_once), now

    def take(self, now: float) -> bool:
        """Return whether a request is admitted; a refused one costs nothing."""
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
