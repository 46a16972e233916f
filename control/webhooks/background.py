"""Work that goes on after an answer: bounded in number and time, waited for at the end."""

import asyncio
from collections.abc import Coroutine
from typing import Any, Final

import structlog

from shared.logs import told

log = structlog.get_logger()
_CLOSE_S: Final = 1.0


class Background:
    """At most `most` at once, each for `longest_s` seconds."""

    def __init__(self, most: int = 256, longest_s: float = 4.0) -> None:
        self._most, self._longest_s = most, longest_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """None when too much goes on already: then the work is not done at all."""
        if len(self._tasks) >= self._most:
            work.close()
            log.warning("webhook.background_full", work=name)
            return None
        task = asyncio.create_task(self._run(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._longest_s):
                await work
        except Exception as error:  # nobody waits for it: whatever breaks is to be heard of here
            log.error("webhook.background_broke_off", work=name, **told(error))

    async def close(self) -> None:
        """Waits for what goes on, then ends it."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._longest_s + _CLOSE_S)
        late = [task for task in self._tasks if task.cancel()]
        if late:
            await asyncio.wait(late, timeout=_CLOSE_S)
