"""Tracks which webhooks are being answered, so that work that blocks the event loop can wait for an idle moment."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class WebhookActivity:
    """The webhook activity on an event loop.

    A webhook needs the loop about ten times, between its round trips to PostgreSQL and Redis. Each time it may have to
    wait for a computation.
    """

    def __init__(self) -> None:
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """Mark a webhook as being answered until the block ends."""
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def wait_until_idle(self, within_s: float) -> None:
        """Wait until no webhook is being answered, but for at most `within_s`."""
        try:
            async with asyncio.timeout(within_s):
                while self._running:
                    await self._idle.wait()
        except TimeoutError:
            pass
