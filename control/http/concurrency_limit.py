"""A limit on what runs at once, so that requests of the API always leave room for carriers' webhooks."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import Unavailable


class ConcurrencyLimit:
    """Admits `concurrency` at a time, first come first served; up to `waiting` more wait, for `wait_s` seconds each."""

    def __init__(self, concurrency: int, *, waiting: int, wait_s: float) -> None:
        self._semaphore = asyncio.Semaphore(concurrency)
        self._most, self._wait_s = concurrency + waiting, wait_s
        self._present = 0

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Admitted until the block ends. Raises Unavailable: at once when too many wait, or after
        `wait_s`."""
        if self._present >= self._most:
            raise _busy()
        self._present += 1
        try:
            await self._wait()
            try:
                yield
            finally:
                self._semaphore.release()
        finally:
            self._present -= 1

    async def _wait(self) -> None:
        try:
            async with asyncio.timeout(self._wait_s):
                await self._semaphore.acquire()
        except TimeoutError:
            raise _busy() from None


def _busy() -> Unavailable:
    return Unavailable("Too many requests at once; try again in a moment.")
