"""Background tasks for webhooks: retry open events, delete old events, and follow up on ended streams."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final

from control.calls.live.service import STREAM_ENDED
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.http.services import Services
from control.inbound_webhooks.queries import EventKey, clear_payloads, delete_old_events
from control.inbound_webhooks.routes import SOURCES
from control.inbound_webhooks.service import EventRetry, SourceDefinition, WebhookMetrics, make_parts
from control.inbound_webhooks.source import WebhookOptions
from control.inbound_webhooks.telnyx.tasks import make_stream_end_job
from control.inbound_webhooks.twilio.calls import CHECK_STREAM
from control.inbound_webhooks.twilio.tasks import make_stream_check_job

# Events contain phone numbers, so they are kept only as long as a dispute with a carrier may need them.
RETENTION: Final = timedelta(days=30)


async def retry_open_webhooks(
    pool: Pool,
    services: Services,
    now: datetime,
    limit: int = 50,
    metrics: WebhookMetrics | None = None,
    sources: Sequence[SourceDefinition] = SOURCES,
) -> int:
    """Store deferred webhooks, then retry up to `limit` open events that are due. Return the number of retried events.

    The retries call carriers, so this function must not run within a transaction. Raises Unavailable if the database is
    unavailable.
    """
    # The worker answers no requests, so it needs neither an address nor keys.
    parts = make_parts(pool, services, WebhookOptions(""), metrics or WebhookMetrics())
    await parts.deferral.store_deferred([source.name for source in sources])
    return await EventRetry(parts.transactions, [source.build(parts) for source in sources]).run(now, limit)


async def remove_old_webhooks(
    db: Connection, now: datetime, limit: int, sources: Sequence[SourceDefinition] = SOURCES
) -> int:
    """Delete up to `limit` events older than RETENTION. Return the number of deleted events. Requires platform
    scope."""
    return await delete_old_events(db, [source.name for source in sources], now - RETENTION, limit)


def webhooks_tasks(pool: Pool, services: Services, metrics: WebhookMetrics | None = None) -> WorkerTasks:
    """Return the duties `webhooks` and `old_webhooks`, and the jobs that follow the end of a stream.

    Args:
        metrics: Counters for retried events.
    """
    # The worker answers no requests, so it needs neither an address nor keys.
    parts = make_parts(pool, services, WebhookOptions(""), metrics or WebhookMetrics())

    async def webhooks(pool: Pool, now: datetime) -> int:
        return await retry_open_webhooks(pool, services, now, 50, metrics)

    async def old_webhooks(db: Connection, now: datetime) -> int:
        return await remove_old_webhooks(db, now, 1_000)

    return WorkerTasks(
        handlers={STREAM_ENDED: make_stream_end_job(parts), CHECK_STREAM: make_stream_check_job(pool, services)},
        duties=[OutsideDuty("webhooks", 5, webhooks, 50), Duty("old_webhooks", 3_600, old_webhooks, 1_000)],
    )


# Number of events that are read per transaction.
_BATCH: Final = 5_000


async def clear_caller_payloads(pool: Pool, number: str, calls: Sequence[str]) -> tuple[int, int]:
    """Empty the payloads of handled webhooks that name the number (E.164) and one of these calls by the carrier's id.

    Reads the webhooks of all 30 days in short transactions.

    Returns:
        The number of emptied webhooks, and the number of matching webhooks that are not handled yet.
    """
    position: EventKey | None = EventKey("", "")
    cleared = still_open = 0
    while position is not None:
        async with pool.transaction() as db:
            await enter_platform(db)
            page = await clear_payloads(db, number, calls, position, _BATCH)
        position, cleared, still_open = page.last, cleared + page.cleared, still_open + page.open
    return cleared, still_open
