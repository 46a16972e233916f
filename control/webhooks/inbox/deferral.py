"""Webhooks that arrive while the database is unavailable: queued in Redis, stored when the database is back.

Twilio repeats a status callback a few times only, so either store takes it. An event that is in both counts once.
"""

import asyncio
from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Any, Final

import msgspec
import structlog

from control.db.pool import Connection
from control.webhooks.inbox.store import StoredEvent, store_once
from control.webhooks.transactions import PlatformTransactions
from shared.bus.client import BusUnavailable
from shared.bus.webhook_queue import DeferredWebhook, DeferredWebhooks

_BATCH: Final = 100
log = structlog.get_logger()


class _QueuedEvent(msgspec.Struct, frozen=True):
    """An entry of the queue, as JSON."""

    source: str
    event_id: str
    event_type: str
    payload: dict[str, Any]
    at: datetime


class WebhookDeferral:
    """Moves events into the queue and out of it."""

    def __init__(self, transactions: PlatformTransactions, queue: DeferredWebhooks, timeout_s: float) -> None:
        """timeout_s: for Redis."""
        self._transactions, self._queue, self._timeout_s = transactions, queue, timeout_s

    async def defer(self, event: StoredEvent, now: datetime) -> bool:
        """Queues an event; False when the queue is full or Redis unavailable."""
        queued = _QueuedEvent(event.source, event.event_id, event.event_type, dict(event.payload), now)
        try:
            async with asyncio.timeout(self._timeout_s):
                return await self._queue.add(msgspec.json.encode(queued))
        except (BusUnavailable, TimeoutError):
            return False

    async def store_deferred(self, sources: Collection[str]) -> int:
        """Stores all queued events as open ones and returns how many; several workers may do so at once. Events of
        unknown sources are dropped and logged. Raises Unavailable without a database; nothing is moved without Redis.
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
