"""Puts conversations on the bus after each turn, one task for all calls: what changed twice meanwhile is put once."""

import asyncio
from collections.abc import Awaitable
from typing import Protocol

from media.server.bus.health import forever, stopped
from media.server.metrics import Metrics
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.client import BusAway


class Remembers(Protocol):
    """A call's record, as it is seen here."""

    def checkpoint(self) -> Checkpoint | None:
        """What another node needs; None when there is nothing to go on with."""


class Saver:
    """All methods on the event loop."""

    def __init__(self, checkpoints: Checkpoints, gate: asyncio.Semaphore, metrics: Metrics) -> None:
        """gate: how many last words may be on their way at once."""
        self._checkpoints, self._gate, self._metrics = checkpoints, gate, metrics
        self._changed: dict[Remembers, None] = {}  # in order
        self._news = asyncio.Event()
        self._words: set[asyncio.Task[None]] = set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to save."""
        self._task = asyncio.create_task(forever("checkpoints", self._step, self._metrics))

    async def close(self, within_s: float) -> None:
        """Waits for words on their way, at most so long."""
        await stopped(self._task)
        if self._words:
            await asyncio.wait(self._words, timeout=within_s)

    def note(self, record: Remembers) -> None:
        """The call's conversation has changed."""
        self._changed[record] = None
        self._news.set()

    def last(self, record: Remembers) -> asyncio.Task[None]:
        """The stream is lost: its conversation as it is now. The task never fails."""
        self._changed.pop(record, None)
        return self._tell(self._put(record.checkpoint()))

    def over(self, call_id: str, over: Over) -> asyncio.Task[None]:
        """The call came to its end. The task never fails."""
        return self._tell(self._checkpoints.end(call_id, over))

    async def _step(self) -> None:
        await self._news.wait()
        self._news.clear()
        while self._changed:
            record = next(iter(self._changed))
            del self._changed[record]
            try:
                await self._put(record.checkpoint())
            except BusAway:
                self.note(record)
                raise

    async def _put(self, checkpoint: Checkpoint | None) -> None:
        if checkpoint is not None:
            await self._checkpoints.put(checkpoint)

    def _tell(self, word: Awaitable[None]) -> asyncio.Task[None]:
        task = asyncio.create_task(self._bounded(word))
        self._words.add(task)
        task.add_done_callback(self._words.discard)
        return task

    async def _bounded(self, word: Awaitable[None]) -> None:
        try:
            async with self._gate:
                await word
        except BusAway:
            self._metrics.bus_failures.labels("last_words").inc()
