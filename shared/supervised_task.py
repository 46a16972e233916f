"""A task that runs as long as its program: if it ends, the end is counted and the task is restarted."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Final

import structlog

from shared.logs import error_fields

log = structlog.get_logger()

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
# A task that ran for at least this long before it died is restarted after the first, shortest pause.
STEADY_S: Final = 60.0
_CANCEL_AGAIN_S: Final = 0.05


class SupervisedTask:
    """Runs `work` until `stop` is called, or until `work` ends after `until` is set. Create it on the running loop.

    If the work ends in any other way (an error, a return, a cancellation from outside), the task is dead at once.
    `work` is called again after a pause, which doubles with each death. An error after `until` is set is only logged,
    because a restart would delay the end of the program. `on_death` is called with the task's name.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Coroutine[Any, Any, None]],
        on_death: Callable[[str], object],
        *,
        until: asyncio.Event | None = None,
        first_pause_s: float = FIRST_PAUSE_S,
    ) -> None:
        self.name = name
        self._work, self._on_death, self._until = work, on_death, until
        self._loop = asyncio.get_running_loop()
        self._first_pause_s = self._pause_s = first_pause_s
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None  # None if the work was over before it began
        self._stopped = self._loop.create_future()
        self._is_stopping = False
        self._start()

    @property
    def is_dead(self) -> bool:
        """Whether the task should run but does not."""
        return self._timer is not None

    async def wait(self) -> None:
        """Wait until the task has ended for good. Never raises an error of the work."""
        await asyncio.shield(self._stopped)

    async def stop(self) -> None:
        """Cancel the work until it has ended. One cancellation is not enough: the Redis client swallows it while it
        connects."""
        self._is_stopping = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._finish()
        while self._task is not None and not self._task.done():
            self._task.cancel()
            await asyncio.wait({self._task}, timeout=_CANCEL_AGAIN_S)

    def _start(self) -> None:
        self._timer = None
        if self._is_over():
            self._finish()
            return
        self._started = self._loop.time()
        self._task = self._loop.create_task(self._work(), name=self.name)
        self._task.add_done_callback(self._on_end)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        error = asyncio.CancelledError() if task.cancelled() else task.exception()
        if self._is_stopping or self._is_over():
            if error is not None and not task.cancelled():
                log.error("task.end_failed", task=self.name, **error_fields(error))
            self._finish()
            return
        if self._loop.time() - self._started >= STEADY_S:
            self._pause_s = self._first_pause_s
        self._timer = self._loop.call_later(self._pause_s, self._start)
        fields = error_fields(error) if error is not None else {"fault": "returned"}
        log.error("task.died", task=self.name, restart_s=self._pause_s, **fields)
        self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
        self._on_death(self.name)

    def _is_over(self) -> bool:
        return self._until is not None and self._until.is_set()

    def _finish(self) -> None:
        if not self._stopped.done():
            self._stopped.set_result(None)
