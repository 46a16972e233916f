"""The worker's tasks for webhooks: retries open events, deletes old events, and follows up ended streams."""

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

# Events contain phone numbers, so they are stored only as long as a dispute with a carrier needs them.
RETENTION: Final = timedelta(days=30)


async def retry_open_webhooks(
    pool: Pool,
    services: Services,
    now: datetime,
    limit: int = 50,
    metrics: WebhookMetrics | None = None,
    sources: Sequence[SourceDefinition] = SOURCES,
) -> int:
    """Store deferred webhooks, then retries up to `limit` open events that are due. Returns their number.

    It calls carriers, so it must not run within a transaction. Raises Unavailable without a database.
    """
    # The worker answers no request, so it needs neither address nor keys.
    parts = make_parts(pool, services, WebhookOptions(""), metrics or WebhookMetrics())
    await parts.deferral.store_deferred([source.name for source in sources])
    return await EventRetry(parts.transactions, [source.build(parts) for source in sources]).run(now, limit)


async def remove_old_webhooks(
    db: Connection, now: datetime, limit: int, sources: Sequence[SourceDefinition] = SOURCES
) -> int:
    """Delete up to `limit` events older than RETENTION and return their number. Requires platform scope."""
    return await delete_old_events(db, [source.name for source in sources], now - RETENTION, limit)


def webhooks_tasks(pool: Pool, services: Services, metrics: WebhookMetrics | None = None) -> WorkerTasks:
    """Duties `webhooks` and `old_webhooks`, and the jobs that follow a stream's end.

    Args:
        metrics: Counts the events that are retried.
    """
    # The worker answers no request, so it needs neither address nor keys.
    parts = make_parts(pool, services, WebhookOptions(""), metrics or WebhookMetrics())

    async def webhooks(pool: Pool, now: datetime) -> int:
        return await retry_open_webhooks(pool, services, now, 50, metrics)

    async def old_webhooks(db: Connection, now: datetime) -> int:
        return await remove_old_webhooks(db, now, 1_000)

    return WorkerTasks(
        handlers={STREAM_ENDED: make_stream_end_job(parts), CHECK_STREAM: make_stream_check_job(pool, services)},
        duties=[OutsideDuty("webhooks", 5, webhooks, 50), Duty("old_webhooks", 3_600, old_webhooks, 1_000)],
    )


# Events that one transaction reads.
_BATCH: Final = 5_000


async def clear_caller_payloads(pool: Pool, number: str, calls: Sequence[str]) -> tuple[int, int]:
    """Empties handled webhooks that name the number (E.164) and one of these calls by the carrier's id.

    Reads all webhooks, which are those of 30 days, in short transactions.

    Returns:
        The number of emptied webhooks, and the number of webhooks that are not handled yet.
    """
    position: EventKey | None = EventKey("", "")
    cleared = still_open = 0
    while position is not None:
        async with pool.transaction() as db:
            await enter_platform(db)
            page = await clear_payloads(db, number, calls, position, _BATCH)
        position, cleared, still_open = page.last, cleared + page.cleared, still_open + page.open
    return cleared, still_open
