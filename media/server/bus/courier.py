"""Carries events to Redis: in order, in batches, never on the frame path; while Redis is away they wait on disk."""

import asyncio
from collections import deque
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Final

import structlog

from media.server.bus.disk import on_disk
from media.server.bus.health import forever, stopped, woken
from media.server.bus.spool import EventFile
from media.server.metrics import Metrics
from shared.bus.client import BusAway
from shared.bus.events import EventStream

log = structlog.get_logger()

BATCH: Final = 500
# Events of all calls gather for so long; a batch costs hardly more than one.
LINGER_S: Final = 0.02
# What Redis has not taken by then goes to the disk first, for the process may die.
QUICK_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
# Lines in memory while neither Redis nor the disk takes any; further ones are lost, and counted.
MOST_WAITING: Final = 50_000


class Courier:
    """One per event loop. `write` and `run` on that loop; file work on `disk` (one thread)."""

    def __init__(self, stream: EventStream, file: EventFile, disk: Executor, metrics: Metrics) -> None:
        self._stream, self._file, self._disk, self._metrics = stream, file, disk, metrics
        self._waiting: deque[bytes] = deque()
        self._news = asyncio.Event()
        self._moved = asyncio.Event()
        self._written = self._safe = 0
        self._pause_s = FIRST_PAUSE_S
        self._next = 0.0  # when the next attempt is due, on the loop's clock
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to carry."""
        self._task = asyncio.create_task(forever("events", self._step, self._metrics))

    def write(self, line: bytes) -> None:
        """Takes an event as `encode_event` wrote it. Never blocks."""
        if len(self._waiting) >= MOST_WAITING:
            self._metrics.events_lost.inc()
            return
        self._waiting.append(line)
        self._written += 1
        self._news.set()

    async def safe(self) -> None:
        """Waits until everything written so far is in Redis or on disk: it outlives this process."""
        written = self._written
        while self._safe < written:
            self._moved.clear()
            await self._moved.wait()

    async def close(self, within_s: float) -> bool:
        """Carries what is left, at most so long; the rest stays on disk. Returns whether nothing is left."""
        try:
            async with asyncio.timeout(within_s):
                while self._file.waiting or self._safe < self._written:
                    self._moved.clear()
                    self._hurry()
                    await woken(self._moved, LONGEST_PAUSE_S)
        except TimeoutError:
            pass
        await stopped(self._task)
        if self._waiting:
            await self._spill()
        return not self._file.waiting and not self._waiting

    def _hurry(self) -> None:
        self._next = min(self._next, asyncio.get_running_loop().time() + FIRST_PAUSE_S)
        self._news.set()

    async def _step(self) -> None:
        await woken(self._news, self._until_next() if self._file.waiting or self._waiting else None)
        await asyncio.sleep(LINGER_S)
        if self._waiting and (self._file.waiting or not await self._send_waiting()):
            await self._spill()
        if self._file.waiting and self._until_next() <= 0:
            await self._send_spooled()

    def _until_next(self) -> float:
        return max(0.0, self._next - asyncio.get_running_loop().time())

    async def _send_waiting(self) -> bool:
        """Straight from memory. False when Redis did not take it at once."""
        while self._waiting:
            lines = list(islice(self._waiting, BATCH))
            if not await self._send(lines, QUICK_S):
                return False
            self._forget(len(lines))
        return True

    async def _send_spooled(self) -> None:
        """What is on disk, until all of it is gone; what comes meanwhile queues up behind it."""
        while self._file.waiting:
            lines = await on_disk(self._disk, self._file.head, BATCH)
            if lines and not await self._send(lines, None):
                return
            await on_disk(self._disk, self._file.done, lines)
            self._moved.set()
            if self._waiting:
                await self._spill()

    async def _send(self, lines: Sequence[bytes], within_s: float | None) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._stream.append(lines)
        except (BusAway, TimeoutError):
            self._metrics.bus_failures.labels("events").inc()
            self._next = asyncio.get_running_loop().time() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self._pause_s = FIRST_PAUSE_S
        self._metrics.events_sent.inc(len(lines))
        return True

    async def _spill(self) -> None:
        """From memory to the disk. A disk that fails leaves it in memory; one that is full loses the newest."""
        lines = list(self._waiting)
        try:
            taken = await on_disk(self._disk, self._file.add, lines)
        except OSError as error:
            log.error("spool.broken", error=error.strerror)
            return
        self._metrics.events_spooled.inc(taken)
        if taken < len(lines):
            self._metrics.events_lost.inc(len(lines) - taken)
            log.error("spool.full", lost=len(lines) - taken)
        self._forget(len(lines))

    def _forget(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._safe += count
        self._moved.set()
