"""A token bucket that limits how often a person may send requests."""


class RequestBudget:
    """Admits a burst of `at_once` requests, and after that `per_s` requests per second."""

    def __init__(self, at_once: int, per_s: float, now: float) -> None:
        """Create a full budget.

        Args:
            now: The current time in seconds, by the clock that is also used for `take`.
        """
        self._at_once, self._per_s = at_once, per_s
        self._left, self._at = float(at_once), now

    def take(self, now: float) -> bool:
        """Return whether a request is admitted. A refused request uses no budget."""
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
