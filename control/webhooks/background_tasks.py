"""Work that continues after an answer: limited in number and time, awaited at shutdown."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from shared.logs import error_fields

log = structlog.get_logger()
_CANCEL_WAIT_S: Final = 1.0


class BackgroundTasks:
    """At most `max_tasks` at once, each for `timeout_s` seconds."""

    def __init__(self, max_tasks: int = 256, timeout_s: float = 4.0) -> None:
        self._max_tasks, self._timeout_s = max_tasks, timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Returns None when max_tasks are running: the work is dropped and the loss is logged."""
        if len(self._tasks) >= self._max_tasks:
            work.close()
            log.warning("webhook.background_task_dropped", task=name)
            return None
        task = asyncio.create_task(self._run(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await work
        except Exception as error:  # nobody awaits the task: its error is logged here or never  # noqa: BLE001
            log.error("webhook.background_task_failed", task=name, **error_fields(error))

    async def close(self) -> None:
        """Waits for running tasks up to their time limit, then cancels them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._timeout_s + _CANCEL_WAIT_S)
        late = [task for task in self._tasks if task.cancel()]
        if late:
            await asyncio.wait(late, timeout=_CANCEL_WAIT_S)
