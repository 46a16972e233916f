"""Runs a blocking context manager in a thread."""

import asyncio
from collections.abc import AsyncIterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, asynccontextmanager
from typing import TypeVar

T = TypeVar("T")


@asynccontextmanager
async def in_thread(manager: AbstractContextManager[T]) -> AsyncIterator[T]:
    """Enters and leaves `manager` in one thread, which lives as long as the block.

    A task that is cancelled while entering waits until the manager was entered and left again.
    """
    executor = ThreadPoolExecutor(1, thread_name_prefix="service")
    entering = executor.submit(manager.__enter__)

    def leave() -> None:
        if not entering.cancelled() and entering.exception() is None:
            manager.__exit__(None, None, None)

    try:
        yield await asyncio.wrap_future(entering)
    finally:
        leaving = asyncio.wrap_future(executor.submit(leave))
        executor.shutdown(wait=False)
        await asyncio.shield(leaving)
