"""A token bucket that limits how often a person may make requests."""


class RequestBudget:
    """Admits `at_once` requests, and then `per_s` in each second."""

    def __init__(self, at_once: int, per_s: float, now: float) -> None:
        """Create a full budget. `now` is in seconds of a clock that the caller always uses."""
        self._at_once, self._per_s = at_once, per_s
        self._left, self._at = float(at_once), now

    def take(self, now: float) -> bool:
        """Return whether a request is admitted. A refused request costs nothing."""
        self._left = min(self._at_once, self._left + (now - self._at) * self._per_s)
        self._at = now
        if self._left < 1.0:
            return False
        self._left -= 1.0
        return True
