"""Consumes media's events: reads them in batches from a Redis stream, stores them once, and removes them.

No event is lost: it is removed after the commit that stored it, and repeated events are ignored. No event blocks the
others: an event that cannot be read or stored goes to the stream ASIDE, is counted, and is logged only by its id.
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

# Events that could not be stored, for manual inspection. The oldest are dropped.
ASIDE: Final = f"{PREFIX}events:aside"
KEPT_ASIDE: Final = 10_000
BATCH: Final = 500
# A read blocks this long, which is shorter than any client's timeout.
WAIT_S: Final = 0.5
# Events that arrive within this time after a batch are stored together. A separate transaction for each event would
# cost PostgreSQL and this process three times as much. The first event after a quiet moment does not wait.
GATHER_S: Final = 0.3
# Wait before the next attempt while PostgreSQL or Redis is unavailable.
PAUSE_S: Final = 1.0
# Entries that another consumer read and did not finish are claimed after this time.
IDLE_S: Final = 30.0
# A consumer that has not read for this long is removed: its process was killed. A consumer that stops normally leaves
# at once.
DEAD_S: Final = 600.0
# A call's row exists before media sends its events. If the row is missing, its events wait this long, measured by the
# clock of the process: the ids of entries are Redis's time, which may be changed while they wait.
UNKNOWN_S: Final = 120.0
# The database is unavailable, or this transaction conflicted with another. A later attempt can succeed.
_TEMPORARY: Final = (
    OSError, TimeoutError, PoolExhausted, asyncpg.InterfaceError, asyncpg.TransactionRollbackError, *UNAVAILABLE,
)  # fmt: skip

log = structlog.get_logger()


@dataclass(slots=True)
class EventCounts:
    """Numbers of events since the start.

    Attributes:
        repeated: Events that were stored before.
        set_aside: Events that are unreadable, forged, or refused by the database.
        unknown: Events of calls that do not exist.
        pauses: Waits for PostgreSQL or Redis.
    """

    written: int = 0
    repeated: int = 0
    set_aside: int = 0
    unknown: int = 0
    pauses: int = 0


@dataclass(frozen=True, slots=True)
class ConsumerPace:
    """Sizes and intervals of the consumer.

    `batch` is the number of entries per read; the other values are seconds (see the constants).
    """

    batch: int = BATCH
    wait_s: float = WAIT_S
    pause_s: float = PAUSE_S
    idle_s: float = IDLE_S
    unknown_s: float = UNKNOWN_S
    dead_s: float = DEAD_S
    gather_s: float = GATHER_S


# Called with calls whose end is stored. Raises BusUnavailable.
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
    """Consumes events until `stop` is set, and stores the last batch first. Several processes may run it at once.

    Args:
        redis: Its timeout must be longer than `pace.wait_s`.
        forget: Removes calls' conversations from the bus. Called after the commit, and again for a repeated event.
        authority: Verifies events. None accepts all events.
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
        self._ended: list[UUID] = []  # calls whose conversations are to be removed
        self._stream = EventStream(redis)
        self._name = f"{socket.gethostname()}-{os.getpid()}-{id(self):x}"
        self._reclaim_at = 0.0
        self._unknown = FirstSeen(2 * pace.unknown_s + pace.idle_s)
        self._is_waiting = False
        self._has_connection = False  # in the latest attempt; earlier errors are not caused by an event

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
                # If Redis lost its data, the consumer group is gone, too: create it again.
                prepared = False
                await self._pause("redis", str(error))
        with suppress(BusUnavailable):  # on failure, another consumer removes it later
            await self._stream.leave(self._name)

    async def _reclaim(self) -> None:
        """Claims entries that a consumer read and did not finish, including our own entries if Redis's answer was
        lost.
        """
        now = time.monotonic()
        if now < self._reclaim_at:
            return
        entries = await self._stream.reclaim(self._name, self._pace.batch, self._pace.idle_s)
        if len(entries) < self._pace.batch:
            self._reclaim_at = now + self._pace.idle_s / 2
        await self._process(entries)
        await self._stream.remove_dead_consumers(self._pace.dead_s)

    async def _process(self, entries: Sequence[EventEntry]) -> None:
        """Stores the entries, then removes them from the stream. After a crash in between, they are delivered again."""
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
            # This happens before the events are removed from the stream: while the bus is unavailable, they are
            # delivered again.
            await self._forget(self._ended)
        if done:
            await self._stream.remove(done)

    def _parse(self, entry: EventEntry) -> IncomingEvent:
        """Reads an entry.

        Raises EventUnreadable, also for an event that was not written by the node with the call's stream.
        """
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
        """Stores the events and returns the finished entries. Waits while the database is unavailable."""
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
        """Moves an entry to the stream ASIDE, unchanged and with its proof.

        Moved back to the stream, it is checked again.
        """
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
        """Waits, but returns early when the consumer has to stop."""
        try:
            async with asyncio.timeout(seconds):
                await self._stop.wait()
        except TimeoutError:
            pass


def is_temporary(error: Exception) -> bool:
    """Returns whether a later attempt may succeed.

    A value that fits no column is permanent: asyncpg raises DataError, or an InterfaceError that is also a ValueError.
    asyncpg also raises DataError when it has run out of memory for the value; that is temporary.
    """
    if isinstance(error, MemoryError) or isinstance(error.__cause__, MemoryError):
        return True
    return isinstance(error, _TEMPORARY) and not isinstance(error, ValueError)


class EventMetrics(Collector):
    """Exports the consumer's counts at the time of the scrape."""

    def __init__(self, counts: EventCounts) -> None:
        self._counts = counts

    def collect(self) -> Iterable[CounterMetricFamily]:
        """Yields two families: events and pauses."""
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
