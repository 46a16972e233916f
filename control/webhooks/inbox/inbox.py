"""Stores each event once, together with its effect; what fails is stored open, for a retry."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TypeVar

import structlog

from control.db.pool import Connection
from control.webhooks.inbox.deferral import WebhookDeferral
from control.webhooks.inbox.store import EventState, StoredEvent, mark_handled, store_once
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.transactions import PlatformTransactions, is_database_unavailable
from shared.errors import Problem, Unavailable
from shared.logs import error_fields

T = TypeVar("T")
# The effect of an event in the database, within the transaction that stores it.
Apply = Callable[[Connection], Awaitable[None]]
log = structlog.get_logger()


class WebhookInbox:
    """Used by every source. deadline_s: for storing one event."""

    def __init__(
        self, transactions: PlatformTransactions, deferral: WebhookDeferral, metrics: WebhookMetrics, deadline_s: float
    ) -> None:
        self._transactions, self._deferral, self._metrics = transactions, deferral, metrics
        self._deadline_s = deadline_s

    async def receive(self, event: StoredEvent, apply: Apply, now: datetime) -> None:
        """Stores an event with its effect, or in the queue of deferred webhooks when the database is unavailable.
        Raises Unavailable when the queue does not take it either: the sender repeats it then."""
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
        """Runs `work`, which stores the event, in a transaction. None when it failed by an error of our program: the
        event is stored open, because a repeat would fail in the same way.

        is_complete: False when the stored payload does not suffice for a retry; then the sender has to repeat it.
        Raises Unavailable without a database and for such an incomplete event."""
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
        """Stores the effect of an event that stayed open. Raises what `apply` raises."""

        async def work(db: Connection) -> None:
            await apply(db)
            await mark_handled(db, event.key, now)

        await self._transactions.run(work)

    def count(self, source: str, kind: str, outcome: str) -> None:
        """In the metric of received webhooks."""
        self._metrics.received.labels(source, kind, outcome).inc()


async def apply_once(db: Connection, event: StoredEvent, apply: Apply, now: datetime) -> EventState:
    """Stores an event and its effect, unless the effect is stored already; returns the state that the event had."""
    state = await store_once(db, event, now, handled=True)
    if state == "handled":
        return state
    await apply(db)
    if state == "open":
        await mark_handled(db, event.key, now)
    return state
