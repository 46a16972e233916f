"""The inbox stores each event once, together with its effect. Failed events are stored as open and retried."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Final, TypeVar

import msgspec
import structlog
from prometheus_client import CollectorRegistry, Counter

from control.billing.limits.service import SpendGuard
from control.calls.admission.service import CallAdmission, CallRouting
from control.calls.live.service import MediaAssignment
from control.db.errors import is_database_unavailable
from control.db.pool import Connection, Pool
from control.db.transaction import PlatformTransactions
from control.http.services import Services
from control.inbound_webhooks.queries import (
    MAX_ATTEMPTS,
    EventState,
    OpenEvent,
    StoredEvent,
    claim_open_events,
    close_failed,
    mark_handled,
    set_last_error,
    store_once,
)
from control.inbound_webhooks.source import WebhookOptions, WebhookRoute, WebhookSource
from shared.bus.client import BusUnavailable
from shared.bus.webhook_queue import DeferredWebhook, DeferredWebhooks
from shared.errors import Problem, Unavailable
from shared.logs import error_fields

log = structlog.get_logger()
T = TypeVar("T")


# --- Metrics ---------------------------------------------------------------------------------------------------------


class WebhookMetrics:
    """Counters of webhooks.

    Args:
        registry: The program's registry. Without a registry, the counters are not published.
    """

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        registry = registry if registry is not None else CollectorRegistry()
        self.refused = Counter(
            "vocalized_control_webhooks_refused",
            "Webhooks refused for their signature",
            ["carrier", "reason"],
            registry=registry,
        )
        self.received = Counter(
            "vocalized_control_webhooks",
            "Webhooks received, by outcome",
            ["carrier", "kind", "outcome"],
            registry=registry,
        )
        self.apologies = Counter(
            "vocalized_control_webhook_apologies",
            "Spoken apologies after an error of ours",
            ["carrier"],
            registry=registry,
        )
        self.resumed = Counter(
            "vocalized_control_webhook_resumed", "Calls resumed on another media stream", ["carrier"], registry=registry
        )
        self.repeats = Counter(
            "vocalized_control_webhook_repeats", "Transactions repeated after a deadlock", registry=registry
        )


# --- Webhooks that arrive while the database is unavailable are queued in Redis ---------------------------------------

_BATCH: Final = 100


class _QueuedEvent(msgspec.Struct, frozen=True):
    """A queue entry, encoded as JSON."""

    source: str
    event_id: str
    event_type: str
    payload: dict[str, Any]
    at: datetime


class WebhookDeferral:
    """Moves events into the queue and out of it.

    Twilio repeats a status callback only a few times, so events are queued while the database is unavailable. An event
    that is both queued and stored counts once.
    """

    def __init__(self, transactions: PlatformTransactions, queue: DeferredWebhooks, timeout_s: float) -> None:
        """Create the deferral.

        Args:
            transactions: Transactions in platform scope.
            queue: The queue in Redis.
            timeout_s: Time limit of a request to Redis, in seconds.
        """
        self._transactions, self._queue, self._timeout_s = transactions, queue, timeout_s

    async def defer(self, event: StoredEvent, now: datetime) -> bool:
        """Queue an event. Return False if the queue is full or Redis is unavailable."""
        queued = _QueuedEvent(event.source, event.event_id, event.event_type, dict(event.payload), now)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._queue.add(msgspec.json.encode(queued))
        except (BusUnavailable, TimeoutError):
            return False

    async def store_deferred(self, sources: Collection[str]) -> int:
        """Store all queued events as open events. Return their number. Several workers may run this method
        concurrently.

        Events of unknown sources are dropped and logged. If Redis is unavailable, nothing is moved. Raises Unavailable
        if the database is unavailable.
        """
        moved = 0
        try:
            while entries := await self._queue.oldest(_BATCH):
                await self._transactions.run(partial(_store, entries, sources))
                await self._queue.remove([entry.id for entry in entries])
                moved += len(entries)
        except BusUnavailable:
            log.warning("webhook_queue.unavailable")
        return moved


async def _store(entries: Sequence[DeferredWebhook], sources: Collection[str], db: Connection) -> None:
    for entry in entries:
        queued = _decode(entry)
        if queued is None or queued.source not in sources:
            log.error("webhook_queue.entry_dropped", entry=entry.id)
            continue
        event = StoredEvent(queued.source, queued.event_id, queued.event_type, queued.payload)
        await store_once(db, event, queued.at, handled=False)


def _decode(entry: DeferredWebhook) -> _QueuedEvent | None:
    try:
        return None if entry.text is None else msgspec.json.decode(entry.text, type=_QueuedEvent)
    except msgspec.DecodeError:
        return None


# --- The inbox -------------------------------------------------------------------------------------------------------

# Applies the effect of an event within the transaction that stores the event.
Apply = Callable[[Connection], Awaitable[None]]


class WebhookInbox:
    """Stores webhooks for all sources.

    Args:
        deadline_s: Time limit for storing an event, in seconds.
    """

    def __init__(
        self, transactions: PlatformTransactions, deferral: WebhookDeferral, metrics: WebhookMetrics, deadline_s: float
    ) -> None:
        self._transactions, self._deferral, self._metrics = transactions, deferral, metrics
        self._deadline_s = deadline_s

    async def receive(self, event: StoredEvent, apply: Apply, now: datetime) -> None:
        """Store an event with its effect. If the database is unavailable, queue the event.

        Raises Unavailable if the event cannot be queued either, so that the sender repeats it.
        """
        try:
            outcome: str = await self.store(event, lambda db: apply_once(db, event, apply, now), now) or "broken"
        except Exception as error:
            if not is_database_unavailable(error) or not await self._deferral.defer(event, now):
                raise
            log.warning("webhook.deferred", source=event.source, kind=event.event_type)
            outcome = "put_by"
        self.count(event.source, event.event_type, outcome)

    async def store(
        self, event: StoredEvent, work: Callable[[Connection], Awaitable[T]], now: datetime, *, is_complete: bool = True
    ) -> T | None:
        """Run `work`, which stores the event, in a transaction.

        Raises Unavailable if the database is unavailable, and if an incomplete event fails.

        Args:
            is_complete: False if the stored payload is not sufficient for a retry. The sender must then repeat the
                event.

        Returns:
            None if a bug on our side caused a failure. The event is stored as open, because a repeat would fail as
            well.
        """
        async with asyncio.timeout(self._deadline_s):
            try:
                return await self._transactions.run(work)
            except Exception as error:
                if isinstance(error, Problem) or is_database_unavailable(error):
                    raise
                log.error("webhook.failed", source=event.source, kind=event.event_type, **error_fields(error))
                if not is_complete:
                    raise Unavailable("Something went wrong on our side. Send it again.") from error
                await self._transactions.run(lambda db: store_once(db, event, now, handled=False))
                return None

    async def finish(self, event: StoredEvent, apply: Apply, now: datetime) -> None:
        """Store the effect of an open event. Raises the errors of `apply`."""

        async def work(db: Connection) -> None:
            await apply(db)
            await mark_handled(db, event.key, now)

        await self._transactions.run(work)

    def count(self, source: str, kind: str, outcome: str) -> None:
        """Count an event in the metric of received webhooks."""
        self._metrics.received.labels(source, kind, outcome).inc()


async def apply_once(db: Connection, event: StoredEvent, apply: Apply, now: datetime) -> EventState:
    """Store an event and its effect, unless the effect is already stored. Return the state that the event had."""
    state = await store_once(db, event, now, handled=True)
    if state == "handled":
        return state
    await apply(db)
    if state == "open":
        await mark_handled(db, event.key, now)
    return state


# --- Retries of open events ------------------------------------------------------------------------------------------

# While a carrier is unavailable, each event waits for its time limit. Without concurrency, the retry would take
# minutes.
_MAX_AT_ONCE: Final = 10


class EventRetry:
    """Retries open events.

    A retry calls outside services, so it must not run within a transaction. Several workers may run it concurrently.
    """

    def __init__(self, transactions: PlatformTransactions, sources: Sequence[WebhookSource[Any]]) -> None:
        self._transactions = transactions
        self._sources: Mapping[str, WebhookSource[Any]] = {source.name: source for source in sources}

    async def run(self, now: datetime, limit: int) -> int:
        """Retry up to `limit` open events that are due. Return the number of events.

        An event that has failed MAX_ATTEMPTS times is closed with its last error.

        Raises:
            Unavailable: The database is unavailable. The remaining events are due again later.
        """
        events = await self._transactions.run(lambda db: claim_open_events(db, list(self._sources), now, limit))

        async def retry(event: OpenEvent) -> None:
            await self._retry(event, now)

        await _each(self._by_ordering_key(events), retry)
        return len(events)

    def _by_ordering_key(self, events: Sequence[OpenEvent]) -> list[list[OpenEvent]]:
        """Group events by call, so that a call's events are applied in the order received."""
        groups: dict[tuple[str, str], list[OpenEvent]] = {}
        for event in events:
            source = self._sources[event.event.source]
            groups.setdefault((source.name, source.ordering_key(event) or event.event.event_id), []).append(event)
        return list(groups.values())

    async def _retry(self, event: OpenEvent, now: datetime) -> None:
        stored_event = event.event
        try:
            await self._sources[stored_event.source].retry(event, now)
        except Unavailable:
            raise
        except Exception as error:  # the error of an event must not stop the others  # noqa: BLE001
            reason = type(error).__name__
            log.error("webhook.failed", source=stored_event.source, kind=stored_event.event_type, **error_fields(error))
            await self._transactions.run(lambda db: set_last_error(db, stored_event.key, reason))
        if event.attempts >= MAX_ATTEMPTS:
            await self._close_failed(event, now)

    async def _close_failed(self, event: OpenEvent, now: datetime) -> None:
        stored_event = event.event
        if await self._transactions.run(lambda db: close_failed(db, stored_event.key, now)):
            log.error("webhook.abandoned", source=stored_event.source, kind=stored_event.event_type)


async def _each(groups: Sequence[Sequence[OpenEvent]], work: Callable[[OpenEvent], Awaitable[None]]) -> None:
    """Process up to _MAX_AT_ONCE groups concurrently, oldest first.

    After an error no further groups are started. The first error is raised once all running groups have ended.
    """
    waiting = iter(groups)

    async def work_through() -> None:
        for group in waiting:
            for event in group:
                await work(event)

    results = await asyncio.gather(*(work_through() for _ in range(_MAX_AT_ONCE)), return_exceptions=True)
    for error in results:
        if error is not None:
            raise error


# --- Work that continues after an answer -----------------------------------------------------------------------------

_CANCEL_WAIT_S: Final = 1.0


class BackgroundTasks:
    """Runs up to `max_tasks` concurrent tasks, each for up to `timeout_s` seconds."""

    def __init__(self, max_tasks: int = 256, timeout_s: float = 4.0) -> None:
        self._max_tasks, self._timeout_s = max_tasks, timeout_s
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None] | None:
        """Start a task. If max_tasks are running, drop the work, log it, and return None."""
        if len(self._tasks) >= self._max_tasks:
            work.close()
            log.warning("webhook.background_task_dropped", task=name)
            return None
        task = asyncio.create_task(self._run(name, work), name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            async with asyncio.timeout(self._timeout_s):
                await work
        except Exception as error:  # no one awaits the task: its error is logged here or never  # noqa: BLE001
            log.error("webhook.background_task_failed", task=name, **error_fields(error))

    async def close(self) -> None:
        """Wait for running tasks up to their time limit, then cancel them."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=self._timeout_s + _CANCEL_WAIT_S)
        late = [task for task in self._tasks if task.cancel()]
        if late:
            await asyncio.wait(late, timeout=_CANCEL_WAIT_S)


# --- Shared by all sources -------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WebhookParts:
    """The shared parts that sources are built from."""

    options: WebhookOptions
    services: Services
    metrics: WebhookMetrics
    transactions: PlatformTransactions
    deferral: WebhookDeferral
    inbox: WebhookInbox
    routing: CallRouting
    background: BackgroundTasks


@dataclass(frozen=True, slots=True)
class SourceDefinition:
    """A row of the table of sources.

    Attributes:
        name: The value of webhook_events.source.
        routes: The source's addresses, for the API document.
        build: Creates the source. Raises ValueError for an invalid key.
    """

    name: str
    routes: Sequence[WebhookRoute]
    build: Callable[[WebhookParts], WebhookSource[Any]]


def make_parts(pool: Pool, services: Services, options: WebhookOptions, metrics: WebhookMetrics) -> WebhookParts:
    """Create the parts without opening connections."""
    transactions = PlatformTransactions(pool, metrics.repeats.inc)
    deferral = WebhookDeferral(transactions, services[DeferredWebhooks], options.media_assignment_s)
    return WebhookParts(
        options=options,
        services=services,
        metrics=metrics,
        transactions=transactions,
        deferral=deferral,
        inbox=WebhookInbox(transactions, deferral, metrics, options.deadline_s),
        routing=CallRouting(
            transactions,
            services[CallAdmission],
            services[MediaAssignment],
            services[SpendGuard],
            options.media_assignment_s,
            lambda carrier: metrics.resumed.labels(carrier).inc(),
        ),
        # Longer than the commands of an event, because their result is stored afterwards.
        background=BackgroundTasks(timeout_s=options.commands_s + 4),
    )
