"""Limits concurrent password hashing, which is slow and holds a connection, so that it never takes the whole pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import Unavailable


class HashingLimit:
    """Admits `concurrency` requests at a time, in order of arrival. Up to `waiting` more wait, without a connection."""

    def __init__(self, concurrency: int, waiting: int) -> None:
        self._semaphore = asyncio.Semaphore(concurrency)
        self._max_requests = concurrency + waiting
        self._requests = 0

    @asynccontextmanager
    async def acquired(self) -> AsyncIterator[None]:
        """Wait for admission, which lasts until the block ends.

        Raises Unavailable (code busy) immediately if too many requests wait.
        """
        if self._requests >= self._max_requests:
            raise Unavailable("Too many sign-ins at once; try again in a moment.", code="busy")
        self._requests += 1
        try:
            async with self._semaphore:
                yield
        finally:
            self._requests -= 1
