"""A request for a final text, with the timers for when it is late and when it has failed."""

import asyncio
from collections.abc import Callable

from media.providers.deadline_timer import DeadlineTimer


class TextRequest:
    """A request to a recognizer for the text of the audio so far.

    Attributes:
        token: The token of the `finalize` request.
        position: The end of the audio whose text is requested.
        is_overdue: The deadline has passed, but another recognizer is working on the text.
    """

    def __init__(self, token: int, position: int) -> None:
        self.token = token
        self.position = position
        self.is_overdue = False
        self._loop = asyncio.get_running_loop()
        self._asked_at = self._loop.time()
        self._replaced_at: float | None = None
        self._timers: list[DeadlineTimer] = []

    @property
    def waited_s(self) -> float:
        """The time since the request, in seconds."""
        return self._loop.time() - self._asked_at

    @property
    def cost_s(self) -> float:
        """How long the caller waited for this recognizer alone."""
        return self.waited_s if self._replaced_at is None else self._replaced_at - self._asked_at

    def mark_replaced(self) -> None:
        """Record that another recognizer was started."""
        self._replaced_at = self._loop.time()

    def watch(
        self, late_s: float | None, on_late: Callable[[], None], limit_s: float, on_deadline: Callable[[], None]
    ) -> None:
        """Start the timers: `on_late` is called after late_s, if given, and `on_deadline` after limit_s."""
        self.stop()
        if late_s is not None and late_s < limit_s:
            self._timers.append(DeadlineTimer(late_s, on_late))
        self._timers.append(DeadlineTimer(limit_s, on_deadline))

    def stop(self) -> None:
        """Cancel the timers."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
