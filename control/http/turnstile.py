"""Room for requests that take long inside their transaction, so that they never hold all connections of the pool."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from shared.errors import Unavailable


class Turnstile:
    """Lets `at_once` requests on at the same time, in the order in which they came; `waiting` more may stand before
    it, without a connection."""

    def __init__(self, at_once: int, waiting: int) -> None:
        self._room = asyncio.Semaphore(at_once)
        self._most = at_once + waiting
        self._here = 0

    @asynccontextmanager
    async def passed(self) -> AsyncIterator[None]:
        """Until the block ends. Raises Unavailable (code busy) at once when too many wait."""
        if self._here >= self._most:
            raise Unavailable("Too many sign-ins at once; try again in a moment.", code="busy")
        self._here += 1
        try:
            async with self._room:
                yield
        finally:
            self._here -= 1
