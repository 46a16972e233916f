"""The request for the final text of the caller's words."""

from collections.abc import Callable
from typing import Final

NEVER: Final = -1


class FinalTextRequest:
    """The latest request for a final text.

    Attributes:
        token: The number of requests in the call.
        at: The time of the request in ms of audio, or NEVER without a request.
    """

    def __init__(self, clock: Callable[[], float] | None) -> None:
        """Create the state without a request.

        Args:
            clock: Returns ms of real time. Delayed audio arrives faster than real time, so a recognizer gets its time
                on both clocks.
        """
        self._clock = clock
        self._clock_ms = 0.0
        self.token = 0
        self.at = NEVER
        self.is_answered = False

    @property
    def is_made(self) -> bool:
        """Whether a request is pending or was answered."""
        return self.at != NEVER

    def make(self, t: int) -> int:
        """Make a new request and return its token. Older requests become stale."""
        self.token += 1
        self.at = t
        self._clock_ms = self._clock() if self._clock else 0.0
        self.is_answered = False
        return self.token

    def cancel(self) -> None:
        """Cancel the request, because the caller speaks again and an answer would not be the whole text."""
        self.at = NEVER

    def waited_ms(self, t: int) -> float:
        """Return the time since the request in ms."""
        waited = t - self.at
        return min(waited, self._clock() - self._clock_ms) if self._clock else waited
