"""Retries open events: those whose effect failed, or whose command did not reach the carrier."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import structlog

from control.webhooks.inbox.source import WebhookSource
from control.webhooks.inbox.store import MAX_ATTEMPTS, OpenEvent, claim_open_events, close_failed, set_last_error
from control.webhooks.transactions import PlatformTransactions
from shared.errors import Unavailable
from shared.logs import error_fields

# While a carrier is unavailable each event waits for its time limit: one after another, the retry would take minutes.
_MAX_AT_ONCE: Final = 10
log = structlog.get_logger()


class EventRetry:
    """Calls outside services, so it must not run within a transaction. Several workers may do so at once."""

    def __init__(self, transactions: PlatformTransactions, sources: Sequence[WebhookSource[Any]]) -> None:
        self._transactions = transactions
        self._sources: Mapping[str, WebhookSource[Any]] = {source.name: source for source in sources}

    async def run(self, now: datetime, limit: int) -> int:
        """Retries up to `limit` open events that are due; returns how many. One that failed MAX_ATTEMPTS times is
        closed with its last error. Raises Unavailable without a database: the others are due again later."""
        events = await self._transactions.run(lambda db: claim_open_events(db, list(self._sources), now, limit))

        async def retry(event: OpenEvent) -> None:
            await self._retry(event, now)

        await _each(self._by_ordering_key(events), retry)
        return len(events)

    def _by_ordering_key(self, events: Sequence[OpenEvent]) -> list[list[OpenEvent]]:
        """The events of one call are applied in the order received: its ringing before its end."""
        groups: dict[tuple[str, str], list[OpenEvent]] = {}
        for event in events:
            source = self._sources[event.event.source]
            groups.setdefault((source.name, source.ordering_key(event) or event.event.event_id), []).append(event)
        return list(groups.values())

    async def _retry(self, event: OpenEvent, now: datetime) -> None:
        its = event.event
        try:
            await self._sources[its.source].retry(event, now)
        except Unavailable:
            raise
        except Exception as error:  # the error of one event must not stop the others  # noqa: BLE001
            reason = type(error).__name__
            log.error("webhook.failed", source=its.source, kind=its.event_type, **error_fields(error))
            await self._transactions.run(lambda db: set_last_error(db, its.key, reason))
        if event.attempts >= MAX_ATTEMPTS:
            await self._close_failed(event, now)

    async def _close_failed(self, event: OpenEvent, now: datetime) -> None:
        its = event.event
        if await self._transactions.run(lambda db: close_failed(db, its.key, now)):
            log.error("webhook.abandoned", source=its.source, kind=its.event_type)


async def _each(groups: Sequence[Sequence[OpenEvent]], work: Callable[[OpenEvent], Awaitable[None]]) -> None:
    """Works through _MAX_AT_ONCE groups at once, the oldest first. A worker that meets an error takes no more groups;
    the first error is raised when all have ended."""
    waiting = iter(groups)

    async def work_through() -> None:
        for group in waiting:
            for event in group:
                await work(event)

    results = await asyncio.gather(*(work_through() for _ in range(_MAX_AT_ONCE)), return_exceptions=True)
    for error in results:
        if error is not None:
            raise error
