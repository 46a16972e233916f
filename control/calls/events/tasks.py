"""Consumes media's events: reads them in batches from a Redis stream, stores them once, removes them from the stream.

No event is lost: it is removed after the commit that stored it, and one that comes again is ignored. No event blocks
the others: one that cannot be read or stored goes to the stream ASIDE, is counted, and is logged by its id only.
"""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import structlog
from prometheus_client.core import CounterMetricFamily
from prometheus_client.registry import Collector

from control.calls.events.rules import IncomingEvent
from control.calls.events.service import EventUnreadable, parse_event, write_events
from control.calls.live.rules import FirstSeen
from control.db.errors import UNAVAILABLE
from control.db.pool import Pool, PoolExhausted
from control.db.scope import enter_platform_for_calls
from shared.bus.authority import BusAuthority
from shared.bus.client import PREFIX, BusClient, BusUnavailable, map_redis_error
from shared.bus.events import EventEntry, EventStream, entry_fields
from shared.bus.stream_credentials import ForgedEntry
from shared.events import SEQ_PER_LEG

# Events that could not be stored, for people to look at; the oldest are dropped.
ASIDE: Final = f"{PREFIX}events:aside"
KEPT_ASIDE: Final = 10_000
BATCH: Final = 500
# A read blocks this long, which is less than any client's timeout.
WAIT_S: Final = 0.5
# Events that arrive within this time after a batch are stored together: a transaction of its own for each event of each
# call costs PostgreSQL and this process three times as much. The first event after a quiet moment does not wait.
GATHER_S: Final = 0.3
# Wait before the next try while PostgreSQL or Redis is unavailable.
PAUSE_S: Final = 1.0
# Entries that another consumer read and did not finish are claimed after this long.
IDLE_S: Final = 30.0
# A consumer that has not read for so long is gone: its process was killed. One that ends by itself leaves at once.
DEAD_S: Final = 600.0
# A call's row exists before media sends its events. Should it be missing, its events wait this long for it, by the
# clock of the process: the ids of entries are Redis's time, which may be set meanwhile.
UNKNOWN_S: Final = 120.0
# The database is unavailable, or this transaction collided with another: the same works later.
_TEMPORARY: Final = (
    OSError, TimeoutError, PoolExhausted, asyncpg.InterfaceError, asyncpg.TransactionRollbackError, *UNAVAILABLE,
)  # fmt: skip

log = structlog.get_logger()


@dataclass(slots=True)
class EventCounts:
    """Events since the start. repeated: were stored before. set_aside: unreadable, forged, or refused by the database.
    unknown: of calls that do not exist. pauses: waits for PostgreSQL or Redis."""

    written: int = 0
    repeated: int = 0
    set_aside: int = 0
    unknown: int = 0
    pauses: int = 0


@dataclass(frozen=True, slots=True)
class ConsumerPace:
    """batch: entries of one read. The others are seconds; see the constants."""

    batch: int = BATCH
    wait_s: float = WAIT_S
    pause_s: float = PAUSE_S
    idle_s: float = IDLE_S
    unknown_s: float = UNKNOWN_S
    dead_s: float = DEAD_S
    gather_s: float = GATHER_S


# Is called with calls whose end is stored. Raises BusUnavailable.
ForgetCalls = Callable[[Sequence[UUID]], Awaitable[None]]


async def consume_events(
    pool: Pool,
    redis: BusClient,
    forget: ForgetCalls,
    stop: asyncio.Event,
    *,
    authority: BusAuthority | None = None,
    counts: EventCounts | None = None,
    pace: ConsumerPace = ConsumerPace(),
) -> None:
    """Runs until `stop` is set; the batch that was read by then is stored first. Several processes may run it at once.

    redis: its timeout must be longer than `pace.wait_s`. forget: removes calls' conversations from the bus; called
    after the commit, and again for an event that comes again. authority: believes events; None believes all.
    """
    counts = counts if counts is not None else EventCounts()
    await _Consumer(pool, redis, forget, stop, authority, counts, pace).run()


class _Consumer:
    def __init__(
        self,
        pool: Pool,
        redis: BusClient,
        forget: ForgetCalls,
        stop: asyncio.Event,
        authority: BusAuthority | None,
        counts: EventCounts,
        pace: ConsumerPace,
    ) -> None:
        self._pool, self._redis, self._stop, self._counts, self._pace = pool, redis, stop, counts, pace
        self._forget, self._authority = forget, authority
        self._ended: list[UUID] = []  # calls to be forgotten
        self._stream = EventStream(redis)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self._reclaim_at = 0.0
        self._unknown = FirstSeen(2 * pace.unknown_s + pace.idle_s)
        self._is_waiting = False
        self._has_connection = False  # in the latest try; an error before that is no event's fault

    async def run(self) -> None:
        prepared = False
        while not self._stop.is_set():
            try:
                if not prepared:
                    await self._stream.create_group()
                    prepared = True
                await self._reclaim()
                entries = await self._stream.read(self._name, self._pace.batch, self._pace.wait_s)
                await self._process(entries)
                self._is_waiting = False
                if 0 < len(entries) < self._pace.batch:
                    await self._wait(self._pace.gather_s)
            except BusUnavailable as error:
                # A Redis that was emptied has no group either: it is created again.
                prepared = False
                await self._pause("redis", str(error))
        with suppress(BusUnavailable):  # then another consumer removes it
            await self._stream.leave(self._name)

    async def _reclaim(self) -> None:
        """Takes entries that a consumer read and did not finish; also our own, if Redis's answer was lost."""
        now = time.monotonic()
        if now < self._reclaim_at:
            return
        entries = await self._stream.reclaim(self._name, self._pace.batch, self._pace.idle_s)
        if len(entries) < self._pace.batch:
            self._reclaim_at = now + self._pace.idle_s / 2
        await self._process(entries)
        await self._stream.remove_dead_consumers(self._pace.dead_s)

    async def _process(self, entries: Sequence[EventEntry]) -> None:
        """Stores the entries, then removes them from the stream; after a crash in between they come again."""
        readable = []
        done = []
        for entry in entries:
            try:
                readable.append(self._parse(entry))
            except EventUnreadable as fault:
                await self._set_aside(entry, str(fault))
                done.append(entry.id)
        self._ended.clear()
        done += await self._store(readable)
        if self._ended:
            # Before the events are removed from the stream: while the bus is unavailable, they come again.
            await self._forget(self._ended)
        if done:
            await self._stream.remove(done)

    def _parse(self, entry: EventEntry) -> IncomingEvent:
        """Raises EventUnreadable, also for an event that the node with the call's stream has not written."""
        event = replace(parse_event(entry.id, entry.line), proof=entry.proof)
        if self._authority is not None:
            leg = event.seq // SEQ_PER_LEG
            try:
                self._authority.check_event(event.envelope.call_id, leg, entry.line, entry.proof)
            except ForgedEntry as fault:
                self._authority.count_forged("event", fault)
                raise EventUnreadable("forged") from None
        return event

    async def _store(self, events: Sequence[IncomingEvent]) -> list[str]:
        """Returns the finished entries; waits while the database is unavailable."""
        if not events:
            return []
        while True:
            try:
                return await self._write(events)
            except Exception as error:  # an error of one event must not block the others  # noqa: BLE001
                if self._has_connection and not is_temporary(error):
                    return await self._store_halves(events, type(error).__name__)
                if self._stop.is_set():
                    return []
                await self._pause("database", type(error).__name__)

    async def _store_halves(self, events: Sequence[IncomingEvent], reason: str) -> list[str]:
        """Finds the events that cannot be stored by halving the batch, and stores the others."""
        if len(events) == 1:
            await self._set_aside(EventEntry(events[0].entry, events[0].line, events[0].proof), reason)
            return [events[0].entry]
        middle = len(events) // 2
        return [*await self._store(events[:middle]), *await self._store(events[middle:])]

    async def _write(self, events: Sequence[IncomingEvent]) -> list[str]:
        self._has_connection = False
        async with self._pool.transaction() as db:
            await enter_platform_for_calls(db)
            self._has_connection = True
            result = await write_events(db, events)
        self._ended += result.ended
        waiting = {entry for entry in result.unknown if self._unknown.age_s(entry) < self._pace.unknown_s}
        given_up = len(result.unknown) - len(waiting)
        self._counts.written += result.stored
        self._counts.repeated += len(events) - len(result.unknown) - result.stored
        self._counts.unknown += given_up
        if given_up:
            log.warning("event.dropped", reason="unknown_call", count=given_up)
        return [event.entry for event in events if event.entry not in waiting]

    async def _set_aside(self, entry: EventEntry, reason: str) -> None:
        """Keeps it as it came, with its proof: moved back to the stream, it is checked again."""
        self._counts.set_aside += 1
        log.error("event.set_aside", entry=entry.id, reason=reason)
        async with map_redis_error():
            await self._redis.xadd(ASIDE, entry_fields(entry.line, entry.proof), maxlen=KEPT_ASIDE, approximate=True)

    async def _pause(self, service: str, reason: str) -> None:
        self._counts.pauses += 1
        if not self._is_waiting:
            log.warning("event_consumer.paused", waiting_for=service, reason=reason)
        self._is_waiting = True
        await self._wait(self._pace.pause_s)

    async def _wait(self, seconds: float) -> None:
        """Ends early when the consumer is to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass


def is_temporary(error: Exception) -> bool:
    """Whether the same may work later. A value that no column takes is permanent: asyncpg raises a DataError for it, or
    an InterfaceError that is a ValueError too. It raises a DataError as well where there was no memory for it."""
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return True
    return isinstance(error, _TEMPORARY) and not isinstance(error, ValueError)


class EventMetrics(Collector):
    """The consumer's counts at the time of the scrape."""

    def __init__(self, counts: EventCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[CounterMetricFamily]:
        """One family of events, one of pauses."""
        counts = self._counts
        events = CounterMetricFamily(
            "vocalized_worker_events", "Events of media by what became of them", None, ["outcome"]
        )
        events.add_metric(["written"], counts.written)
        events.add_metric(["repeated"], counts.repeated)
        events.add_metric(["set_aside"], counts.set_aside)
        events.add_metric(["unknown"], counts.unknown)
        waits = "Times that events waited for PostgreSQL or Redis"
        return events, CounterMetricFamily("vocalized_worker_event_pauses", waits, counts.pauses)
