"""The request for the final text of the caller's words."""

from collections.abc import Callable
from typing import Final

NEVER: Final = -1


class FinalTextRequest:
    """The latest request. token: counts requests over the call. at: ms of audio, NEVER while there is none."""

    def __init__(self, clock: Callable[[], float] | None) -> None:
        """clock: ms of real time. Delayed audio arrives faster than that, and a recognizer gets its time on both
        clocks."""
        self._clock = clock
        self._clock_ms = 0.0
        self.token = 0
        self.at = NEVER
        self.is_answered = False

    @property
    def is_made(self) -> bool:
        """Whether a request is under way, or was answered."""
        return self.at != NEVER

    def make(self, t: int) -> int:
        """Makes a new one and returns its token; older ones are stale."""
        self.token += 1
        self.at = t
        self._clock_ms = self._clock() if self._clock else 0.0
        self.is_answered = False
        return self.token

    def cancel(self) -> None:
        """The caller speaks again: an answer would not be the whole text."""
        self.at = NEVER

    def waited_ms(self, t: int) -> float:
        """Ms since the request."""
        waited = t - self.at
        return min(waited, self._clock() - self._clock_ms) if self._clock else waited
