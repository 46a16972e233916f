"""A final text that was asked of a recognizer: when it is late, and when it has failed."""

import asyncio
from collections.abc import Callable

from media.providers.deadline_timer import DeadlineTimer


class TextRequest:
    """token: of the `finalize` request. position: end of the audio whose text is asked for. is_overdue: its deadline
    has passed, but another recognizer is at work on it."""

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
        """Since it was asked for."""
        return self._loop.time() - self._asked_at

    @property
    def cost_s(self) -> float:
        """How long the caller waited for this recognizer alone."""
        return self.waited_s if self._replaced_at is None else self._replaced_at - self._asked_at

    def mark_replaced(self) -> None:
        """Another recognizer was asked."""
        self._replaced_at = self._loop.time()

    def watch(
        self, late_s: float | None, on_late: Callable[[], None], limit_s: float, on_deadline: Callable[[], None]
    ) -> None:
        """Calls back when the text is late, if late_s is given, and at its deadline, both from now on."""
        self.stop()
        if late_s is not None and late_s < limit_s:
            self._timers.append(DeadlineTimer(late_s, on_late))
        self._timers.append(DeadlineTimer(limit_s, on_deadline))

    def stop(self) -> None:
        """Calls back no more."""
        for timer in self._timers:
            timer.cancel()
        self._timers.clear()
