"""Reads requests of running calls in an API process, up to its limit of concurrent requests.

Each request is processed by one process.
"""

import asyncio
import os
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from functools import partial
from typing import Final

import structlog

from control.media_requests.metrics import MediaRequestMetrics
from shared.bus.client import BusUnavailable
from shared.bus.requests import MediaReply, MediaRequest, RequestDropped, RequestEntry, RequestStream
from shared.logs import error_fields
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()

_CANCEL_AGAIN_S: Final = 0.05
# A consumer that has not read for this many seconds belongs to a killed process.
_DEAD_S: Final = 600.0

# Answers a request within this many seconds. Never raises.
Answer = Callable[[MediaRequest, float], Awaitable[MediaReply]]


@dataclass(frozen=True, slots=True)
class ReaderPace:
    """Intervals of the reader, in seconds.

    Attributes:
        wait: Duration of a blocking read; less than the Redis client's timeout.
        keep: Interval at which the reader confirms that it is processing its entries.
        idle: Without a confirmation for this long, another process takes over an entry.
        pause: Wait after a failure of Redis.
        drain: Time that running requests have at shutdown.
    """

    wait: float = 0.5
    keep: float = 1.0
    idle: float = 3.0
    pause: float = 0.5
    drain: float = 5.0


class RequestReader:
    """Reads requests of running calls from Redis and answers them.

    Args:
        concurrency: Maximum concurrent requests. Other requests stay in Redis for other processes.
    """

    def __init__(
        self,
        stream: RequestStream,
        answer: Answer,
        metrics: MediaRequestMetrics,
        *,
        concurrency: int,
        pace: ReaderPace = ReaderPace(),
        on_death: Callable[[str], object] = lambda _: None,
    ) -> None:
        """Create a reader.

        Args:
            on_death: Called with the name of a reader task that died and restarts.
        """
        self._on_death = on_death
        self.tasks: tuple[SupervisedTask, ...] = ()
        self._stream, self._answer, self._metrics = stream, answer, metrics
        self._concurrency, self._pace = concurrency, pace
        self._name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self._running: dict[str, asyncio.Task[None]] = {}  # Keyed by entry id.
        self._freed = asyncio.Event()
        self._reclaim_at = 0.0
        self._is_paused = False

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Read until the block ends. Running requests then have `drain` seconds. Never raises because of Redis."""
        reading, keeping = self.tasks = (self._start_task("reader", self._read), self._start_task("keeper", self._keep))
        try:
            yield
        finally:
            await reading.stop()
            try:
                await self._drain()
            finally:  # Entries are kept until then, because otherwise other processes would answer them, too.
                await keeping.stop()
            with suppress(BusUnavailable):
                await self._stream.leave(self._name)

    def _start_task(self, name: str, step: Callable[[], Awaitable[None]]) -> SupervisedTask:
        return SupervisedTask(f"media_requests.{name}", lambda: self._repeat(step), self._on_death)

    async def _repeat(self, step: Callable[[], Awaitable[None]]) -> None:
        """Run a step repeatedly, and wait while Redis is unavailable.

        Internal errors of the step are raised, and the task then counts as dead.
        """
        while True:
            try:
                await step()
            except BusUnavailable as error:
                await self._pause(str(error))

    async def _read(self) -> None:
        """Read until Redis fails. The consumer group is created again if Redis was emptied."""
        await self._stream.create_group()
        await self._stream.remove_dead_consumers(_DEAD_S)
        while True:
            await self._wait_for_room()
            if time.monotonic() >= self._reclaim_at:
                await self._reclaim()
                await self._wait_for_room()
            self._start(await self._stream.read(self._name, self._free, self._pace.wait))
            self._is_paused = False

    async def _wait_for_room(self) -> None:
        while self._free <= 0:
            self._freed.clear()
            await self._freed.wait()

    async def _reclaim(self) -> None:
        """Take over entries that a dead process had read."""
        self._start(await self._stream.reclaim(self._name, self._free, self._pace.idle))
        self._reclaim_at = time.monotonic() + self._pace.idle / 2

    async def _keep(self) -> None:
        await asyncio.sleep(self._pace.keep)
        if self._running:
            await self._stream.keep(self._name, list(self._running))

    @property
    def _free(self) -> int:
        return self._concurrency - len(self._running)

    def _start(self, entries: Sequence[RequestEntry]) -> None:
        for entry in entries:
            if entry.id not in self._running:
                task = self._running[entry.id] = asyncio.create_task(self._process(entry))
                task.add_done_callback(partial(self._end, entry.id))

    def _end(self, entry_id: str, _: "asyncio.Task[None]") -> None:
        del self._running[entry_id]
        self._freed.set()

    async def _process(self, entry: RequestEntry) -> None:
        """Answer an entry.

        If Redis does not accept the reply, the entry stays, and is answered again if its deadline allows.
        """
        try:
            await self._reply_or_remove(entry)
        except BusUnavailable as error:
            log.warning("media_request.reply_lost", entry=entry.id, reason=str(error))

    async def _reply_or_remove(self, entry: RequestEntry) -> None:
        try:
            await self._reply(entry)
        except ValueError as error:  # The text is not valid Unicode. A retry would fail every few seconds.
            log.error("media_requests.failed", entry=entry.id, **error_fields(error))
            await self._stream.remove(entry.id)

    async def _reply(self, entry: RequestEntry) -> None:
        try:
            left_s = await self._stream.admit(entry)
        except RequestDropped as dropped:
            self._metrics.dropped.labels(dropped.reason).inc()
            log.warning("media_request.dropped", entry=entry.id, reason=dropped.reason)
            await self._stream.remove(entry.id)
            return
        assert entry.request is not None, "an unreadable entry is not admitted"
        reply = await self._answer(entry.request, left_s)
        await self._stream.reply(entry.id, entry.request.node_id, reply, entry.link)

    async def _pause(self, reason: str) -> None:
        if not self._is_paused:
            log.warning("media_requests.paused", reason=reason)
        self._is_paused = True
        await asyncio.sleep(self._pace.pause)

    async def _drain(self) -> None:
        running = list(self._running.values())
        if running:
            await asyncio.wait(running, timeout=self._pace.drain)
            await _cancel(running)


async def _cancel(tasks: Sequence[asyncio.Task[None]]) -> None:
    """Cancel tasks until all have ended.

    A single cancellation is not enough: the Redis client drops it while connecting.
    """
    left = {task for task in tasks if not task.done()}
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=_CANCEL_AGAIN_S)
