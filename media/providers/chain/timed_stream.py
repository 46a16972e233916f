"""A provider's stream, each item of which has a time limit."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any, Generic, TypeVar

from media.providers.cleanup import close_stream
from media.providers.deadline_timer import DeadlineTimer
from media.providers.ports import ProviderError, ProviderSlow

T = TypeVar("T")


class TimedStream(Generic[T]):
    """Reads a stream of this provider; its items may be awaited by one task after another. Close it in the end.

    It has one timer for all items, and cancels the task that waits as `asyncio.timeout` does: a timer and a scope for
    each item were some 8 % of the CPU that a reply costs in the chains.
    """

    def __init__(self, stream: AsyncIterator[T], provider: str) -> None:
        self._stream = stream
        self._provider = provider
        self._timer = DeadlineTimer(None, self._expire)
        self._limit_s: float | None = None
        self._task: asyncio.Task[Any] | None = None  # that waits
        self._ending: asyncio.Handle | None = None  # while the limit is about to end the wait
        self._is_expired = False

    async def next(self, limit_s: float | None) -> T | None:
        """Returns the next item, or None at the end. limit_s: within so many seconds; None: until `set_limit`.

        Raises ProviderSlow when it does not come in time.
        """
        task = asyncio.current_task()
        assert task is not None
        cancels = task.cancelling()
        self._task = task
        self.set_limit(limit_s)
        try:
            return await anext(self._stream, None)
        except (asyncio.CancelledError, TimeoutError) as error:
            if self._end_wait(task, cancels):
                raise ProviderSlow(self._provider, f"nothing came for {self._limit_s:.3g} s") from error
            if isinstance(error, TimeoutError):
                raise ProviderError(self._provider, "timed out by itself") from error
            raise
        finally:
            self._end_wait(task, cancels)

    def set_limit(self, limit_s: float | None) -> None:
        """Sets a limit from now on for the item that is awaited, in place of the one before. None: there is none."""
        self._limit_s = limit_s
        self._timer.restart(limit_s)

    async def close(self) -> None:
        """Closes the stream, which cancels the request behind it."""
        self._timer.cancel()
        await close_stream(self._stream)

    def _expire(self) -> None:
        self._timer = DeadlineTimer(None, self._expire)  # one expires once
        if self._task is not None:  # an item that has come in this pass of the loop is taken first
            self._ending = asyncio.get_running_loop().call_soon(self._cancel, self._task)

    def _cancel(self, task: asyncio.Task[Any]) -> None:
        self._is_expired = True
        task.cancel()

    def _end_wait(self, task: asyncio.Task[Any], cancels: int) -> bool:
        """Whether the limit has ended the wait, and nobody else cancels the task (which had been cancelled so often
        before). Once it has said so, it does not any more."""
        self._timer.restart(None)
        self._task = None
        if self._ending is not None:
            self._ending.cancel()
            self._ending = None
        if not self._is_expired:
            return False
        self._is_expired = False
        return task.uncancel() <= cancels
