"""Limits how many requests run at once, so that API requests always leave room for carriers' webhooks."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import Unavailable


class ConcurrencyLimit:
    """Admits `concurrency` requests at a time, in order of arrival.

    Up to `waiting` more wait, for `wait_s` seconds each.
    """

    def __init__(self, concurrency: int, *, waiting: int, wait_s: float) -> None:
        self._semaphore = asyncio.Semaphore(concurrency)
        self._most, self._wait_s = concurrency + waiting, wait_s
        self._present = 0

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Wait for admission, which lasts until the block ends.

        Raises Unavailable immediately if too many requests wait, or after `wait_s`.
        """
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


class SenderConcurrencyLimit(ConcurrencyLimit):
    """A limit of which each sender gets at most `each` places, including waiting requests."""

    def __init__(self, concurrency: int, *, each: int, waiting: int, wait_s: float) -> None:
        super().__init__(concurrency, waiting=waiting, wait_s=wait_s)
        self._each = each
        self._by_sender: Counter[str] = Counter()

    @asynccontextmanager
    async def acquired_by(self, sender: str) -> AsyncIterator[None]:
        """Wait for admission as in `acquired`. Raises Unavailable (code busy) immediately if the sender has `each`
        places.
        """
        if self._by_sender[sender] >= self._each:
            raise Unavailable(f"You have {self._each} such requests under way; try again in a moment.", code="busy")
        self._by_sender[sender] += 1
        try:
            async with self.acquired():
                yield
        finally:
            self._by_sender[sender] -= 1
            if not self._by_sender[sender]:
                del self._by_sender[sender]


def _busy() -> Unavailable:
    return Unavailable("Too many requests at once; try again in a moment.")
