"""Sends events to Redis in order and in batches. While Redis is unavailable, they wait on disk."""

import asyncio
from collections import Counter, deque
from collections.abc import Sequence
from concurrent.futures import Executor
from itertools import islice
from typing import Final

import structlog

from media.server.bus.disk import run_on_disk
from media.server.bus.spool import EventFile
from media.server.bus.tasks import start_bus_task, stop_task, wait_and_clear
from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable
from shared.bus.events import EventStream, split_line
from shared.events import decode_event
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()

BATCH: Final = 500
# How long events of all calls are collected, because a batch costs little more than one event.
LINGER_S: Final = 0.02
# Events that Redis has not accepted within this time are spooled to disk first, because the process may die.
SEND_TIMEOUT_S: Final = 0.5
FIRST_PAUSE_S: Final = 0.2
LONGEST_PAUSE_S: Final = 2.0
# A disk that refused events is tried again after this time, because each attempt writes all waiting events.
DISK_PAUSE_S: Final = 1.0
# The maximum number of events in memory while neither Redis nor the disk accepts any. Further ones are lost and
# counted.
MAX_WAITING: Final = 50_000


class EventPublisher:
    """Publishes the events of one event loop. `publish` and the task run on that loop, and file work runs on `disk`
    (one thread)."""

    def __init__(self, stream: EventStream, file: EventFile, disk: Executor, metrics: Metrics) -> None:
        self._stream, self._file, self._disk, self._metrics = stream, file, disk, metrics
        self._waiting: deque[bytes] = deque()
        self._lost: Counter[str] = Counter()  # events by call that are not reported yet
        self._wake = asyncio.Event()
        self._progress = asyncio.Event()
        self._published = self._durable = 0  # numbers of events
        self._pause_s = FIRST_PAUSE_S
        self._next = 0.0  # when the next attempt is due, on the loop's clock
        self._next_spool = 0.0  # when the next attempt to write to the disk is due
        self.task: SupervisedTask | None = None

    def start(self) -> None:
        """Start the task."""
        self.task = start_bus_task("events", self._step, self._metrics)

    def publish(self, line: bytes) -> None:
        """Queue an event in the form that `prove_line` returns. Never blocks."""
        if len(self._waiting) >= MAX_WAITING:
            self._count_lost([line])
            return
        self._waiting.append(line)
        self._published += 1
        self._wake.set()

    async def wait_durable(self) -> None:
        """Wait until all events published so far are in Redis or on disk, so that they survive this process."""
        published = self._published
        while self._durable < published:
            self._progress.clear()
            await self._progress.wait()

    async def close(self, within_s: float) -> bool:
        """Send the remaining events within `within_s`. Return whether all were sent.

        Events that were not sent stay on disk. Events that the disk does not accept either are lost.
        """
        try:
            async with asyncio.timeout(within_s):
                while self._file.has_unsent or self._durable < self._published:
                    self._progress.clear()
                    self._retry_soon()
                    await wait_and_clear(self._progress, LONGEST_PAUSE_S)
        except TimeoutError:
            pass
        await stop_task(self.task)
        if self._waiting:
            self._next_spool = 0.0
            await self._spool()
        is_sent = not self._file.has_unsent and not self._waiting
        self._count_lost(list(self._waiting))
        self._waiting.clear()
        self._report_lost()
        return is_sent

    def _retry_soon(self) -> None:
        self._next = min(self._next, asyncio.get_running_loop().time() + FIRST_PAUSE_S)
        self._wake.set()

    async def _step(self) -> None:
        await wait_and_clear(self._wake, self._until_next() if self._file.has_unsent or self._waiting else None)
        await asyncio.sleep(LINGER_S)
        if self._waiting and (self._must_spool() or not await self._send_waiting()):
            await self._spool()
        self._report_lost()
        if self._file.has_unsent and self._until_next() <= 0:
            await self._send_spooled()

    def _must_spool(self) -> bool:
        """Return whether older events are on disk, or Redis was just unavailable."""
        return self._file.has_unsent or self._until_next() > 0

    def _until_next(self) -> float:
        return max(0.0, self._next - asyncio.get_running_loop().time())

    async def _send_waiting(self) -> bool:
        """Send events from memory. Return False if Redis did not accept a batch in time."""
        while self._waiting:
            lines = list(islice(self._waiting, BATCH))
            if not await self._send(lines, SEND_TIMEOUT_S):
                return False
            self._remove_waiting(len(lines))
        return True

    async def _send_spooled(self) -> None:
        """Send events from disk until the file is empty. Events that are published meanwhile are appended to the
        file."""
        while self._file.has_unsent:
            lines = await run_on_disk(self._disk, self._file.read_oldest, BATCH)
            self._count_vanished()
            if lines and not await self._send(lines, None):
                return
            await run_on_disk(self._disk, self._file.remove_oldest, lines)
            self._progress.set()
            if self._waiting:
                await self._spool()

    async def _send(self, lines: Sequence[bytes], within_s: float | None) -> bool:
        try:
            async with asyncio.timeout(within_s):
                await self._stream.append(lines)
        except (BusUnavailable, TimeoutError):
            self._metrics.bus_failures.labels("events").inc()
            self._next = asyncio.get_running_loop().time() + self._pause_s
            self._pause_s = min(2 * self._pause_s, LONGEST_PAUSE_S)
            return False
        self._pause_s = FIRST_PAUSE_S
        self._metrics.events_sent.inc(len(lines))
        return True

    async def _spool(self) -> None:
        """Move events from memory to disk. If the disk fails, they stay in memory. If the file is full, the newest are
        lost."""
        now = asyncio.get_running_loop().time()
        if now < self._next_spool:
            return
        lines = list(self._waiting)
        try:
            written = await run_on_disk(self._disk, self._file.append, lines)
        except OSError as error:
            log.error("spool.write_failed", error=error.strerror, waiting=len(lines))
            self._next_spool = now + DISK_PAUSE_S
            return
        self._count_vanished()
        self._metrics.events_spooled.inc(written)
        if written < len(lines):
            self._count_lost(lines[written:])
        self._remove_waiting(len(lines))

    def _count_lost(self, lines: Sequence[bytes]) -> None:
        self._metrics.events_lost.inc(len(lines))
        self._lost.update(decode_event(split_line(line)[1]).call_id for line in lines)

    def _count_vanished(self) -> None:
        """Count the events in a file that was removed from outside. They cannot be reported by call."""
        if vanished := self._file.take_vanished():
            self._metrics.events_lost.inc(vanished)
            log.error("spool.vanished", lost=vanished)

    def _report_lost(self) -> None:
        """Log the losses of each call, because its record is incomplete from here on."""
        for call_id, count in self._lost.items():
            log.error("events.lost", call_id=call_id, lost=count)
        self._lost.clear()

    def _remove_waiting(self, count: int) -> None:
        for _ in range(count):
            self._waiting.popleft()
        self._durable += count
        self._progress.set()
