"""Media's events on their way into the records: read in batches, written down once, then taken off the stream.

Nothing is lost: an event leaves the stream after the commit that wrote it, and one that comes again is passed over.
Nothing gets stuck: what cannot be read or kept is set aside, in a stream of its own, told in the log by its place alone
and counted.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog
from redis.asyncio import Redis

from control.calls.writing import Told, Unreadable, read, write
from control.db.away import AWAY
from control.db.pool import Pool, PoolExhausted
from control.db.scope import enter_platform
from shared.bus.client import PREFIX, BusAway, told
from shared.bus.events import Entry, EventStream

# What was set aside, for people to look at; the oldest go.
ASIDE: Final = f"{PREFIX}events:aside"
KEPT_ASIDE: Final = 10_000
BATCH: Final = 500
# Redis blocks for so long; less than any client's timeout.
WAIT_S: Final = 0.5
# PostgreSQL or Redis is away: how long until the next try.
PAUSE_S: Final = 1.0
# What somebody else took and did not finish is taken over after so long.
IDLE_S: Final = 30.0
# A call's row is there before media can tell of it. Should it not be, its events may wait so long for it.
UNKNOWN_S: Final = 120.0
# The database is away, or this transaction collided with another: the same again later may well do.
_LATER: Final = (
    OSError, TimeoutError, PoolExhausted, asyncpg.InterfaceError, asyncpg.TransactionRollbackError, *AWAY,
)  # fmt: skip

log = structlog.get_logger()


@dataclass(slots=True)
class Counts:
    """Since the start. repeated: came again. set_aside: unreadable, or refused by the database. unknown: of calls that
    there are not. pauses: PostgreSQL or Redis was away."""

    written: int = 0
    repeated: int = 0
    set_aside: int = 0
    unknown: int = 0
    pauses: int = 0


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds, and entries of a batch."""

    batch: int = BATCH
    wait_s: float = WAIT_S
    pause_s: float = PAUSE_S
    idle_s: float = IDLE_S
    unknown_s: float = UNKNOWN_S


# Told the calls that are over and written down; raises BusAway.
Forget = Callable[[Sequence[UUID]], Awaitable[None]]


async def consume(
    pool: Pool,
    redis: Redis,
    forget: Forget,
    stop: asyncio.Event,
    *,
    counts: Counts | None = None,
    pace: Pace = Pace(),
) -> None:
    """Until `stop` is set; what was read by then is written first. Several processes may do so at once.

    redis: its timeout must be longer than `pace.wait_s`. forget: takes calls' conversations off the bus; called after
    the commit, and again for an event that comes again.
    """
    sink = _Sink(pool, redis, forget, stop, counts if counts is not None else Counts(), pace)
    await sink.run()


class _Sink:
    def __init__(
        self, pool: Pool, redis: Redis, forget: Forget, stop: asyncio.Event, counts: Counts, pace: Pace
    ) -> None:
        self._pool, self._redis, self._stop, self._counts, self._pace = pool, redis, stop, counts, pace
        self._forget = forget
        self._over: list[UUID] = []  # to be forgotten
        self._stream = EventStream(redis)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self._reclaim_at = 0.0
        self._is_away = False
        self._reached = False  # the database, in the latest try: what went wrong before then is nobody's event's fault

    async def run(self) -> None:
        prepared = False
        while not self._stop.is_set():
            try:
                if not prepared:
                    await self._stream.prepare()
                    prepared = True
                await self._take_over()
                await self._take(await self._stream.read(self._name, self._pace.batch, self._pace.wait_s))
                self._is_away = False
            except BusAway as away:
                # Also a Redis that was emptied has no group any more: it is made anew.
                prepared = False
                await self._pause("redis", str(away))

    async def _take_over(self) -> None:
        """Also our own from before an answer of Redis that got lost."""
        now = time.monotonic()
        if now < self._reclaim_at:
            return
        entries = await self._stream.reclaim(self._name, self._pace.batch, self._pace.idle_s)
        if len(entries) < self._pace.batch:
            self._reclaim_at = now + self._pace.idle_s / 2
        await self._take(entries)

    async def _take(self, entries: Sequence[Entry]) -> None:
        """Writes and then takes off the stream; a crash in between has them come again."""
        readable = []
        done = []
        for entry in entries:
            try:
                readable.append(read(entry.id, entry.line))
            except Unreadable as fault:
                await self._set_aside(entry, str(fault))
                done.append(entry.id)
        self._over.clear()
        done += await self._written(readable)
        if self._over:
            # Before the events are taken off the stream: while the bus is away, they come again.
            await self._forget(self._over)
        if done:
            await self._stream.done(done)

    async def _written(self, events: Sequence[Told]) -> list[str]:
        """The entries that are finished; waits while the database is away."""
        if not events:
            return []
        while True:
            try:
                return await self._write(events)
            except Exception as error:  # whatever is wrong with one of them must not keep the others
                if self._reached and not _passes(error):
                    return await self._halved(events, type(error).__name__)
                if self._stop.is_set():
                    return []
                await self._pause("database", type(error).__name__)

    async def _halved(self, events: Sequence[Told], why: str) -> list[str]:
        """Finds those that cannot be written, and writes the others."""
        if len(events) == 1:
            await self._set_aside(Entry(events[0].entry, events[0].line), why)
            return [events[0].entry]
        middle = len(events) // 2
        return [*await self._written(events[:middle]), *await self._written(events[middle:])]

    async def _write(self, events: Sequence[Told]) -> list[str]:
        self._reached = False
        async with self._pool.transaction() as db:
            await enter_platform(db)
            self._reached = True
            written = await write(db, events)
        self._over += written.over
        waiting = {entry for entry in written.unknown if _age_s(entry) < self._pace.unknown_s}
        given_up = len(written.unknown) - len(waiting)
        self._counts.written += written.fresh
        self._counts.repeated += len(events) - len(written.unknown) - written.fresh
        self._counts.unknown += given_up
        if given_up:
            log.warning("events.unknown_call", count=given_up)
        return [one.entry for one in events if one.entry not in waiting]

    async def _set_aside(self, entry: Entry, why: str) -> None:
        self._counts.set_aside += 1
        log.error("events.set_aside", entry=entry.id, why=why)
        async with told():
            await self._redis.xadd(ASIDE, {b"e": entry.line}, maxlen=KEPT_ASIDE, approximate=True)

    async def _pause(self, whom: str, why: str) -> None:
        self._counts.pauses += 1
        if not self._is_away:
            log.warning("events.waiting", whom=whom, why=why)
        self._is_away = True
        try:
            async with asyncio.timeout(self._pace.pause_s):
                await self._stop.wait()
        except TimeoutError:
            pass


def _passes(error: Exception) -> bool:
    """asyncpg's word for a value that no column takes is an InterfaceError too."""
    return isinstance(error, _LATER) and not isinstance(error, ValueError)


def _age_s(entry: str) -> float:
    """By its name, which begins with Redis's time in ms."""
    return time.time() - int(entry.partition("-")[0]) / 1000
