"""Which webhooks are being answered, so that what takes the event loop's time waits for a moment without any."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class WebhookActivity:
    """On one event loop. A webhook needs the loop some ten times, between its round trips to PostgreSQL and Redis, and
    would wait behind a computation at each of them."""

    def __init__(self) -> None:
        self._running = 0
        self._idle = asyncio.Event()
        self._idle.set()

    @contextmanager
    def answering(self) -> Iterator[None]:
        """A webhook is being answered until the block ends."""
        self._running += 1
        self._idle.clear()
        try:
            yield
        finally:
            self._running -= 1
            if not self._running:
                self._idle.set()

    async def wait_until_idle(self, within_s: float) -> None:
        """Waits until no webhook is being answered, for `within_s` at most, so that nobody waits for ever."""
        try:
            async with asyncio.timeout(within_s):
                while self._running:
                    await self._idle.wait()
        except TimeoutError:
            pass
