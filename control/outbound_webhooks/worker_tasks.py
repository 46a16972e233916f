"""The worker's tasks for outbound webhooks: sends them, gives up on old ones, deletes older ones."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection, Pool
from control.outbound_webhooks import read_due_deliveries, store_events, store_queue
from control.outbound_webhooks.sender import CountAttempt
from control.outbound_webhooks.service import OutboundWebhooks

_BATCH: Final = 1_000


# Told since when the oldest delivery waits that could be sent; None: none waits.
ReportOldest = Callable[[datetime | None], None]


def outbound_webhooks_tasks(
    pool: Pool, webhooks: OutboundWebhooks, count_attempt: CountAttempt, report_oldest: ReportOldest
) -> WorkerTasks:
    """Service `outbound_webhooks`, duties `expired_deliveries`, `old_webhook_events` and `oldest_delivery`.
    count_attempt: called with the outcome of each attempt."""

    async def expired_deliveries(db: Connection, now: datetime) -> int:
        return await store_queue.expire(db, now, _BATCH)

    async def old_webhook_events(db: Connection, now: datetime) -> int:
        return await store_events.delete_old(db, now, webhooks.policy.kept, _BATCH)

    async def oldest_delivery(db: Connection, now: datetime) -> int:
        report_oldest(await read_due_deliveries.select_oldest(db, now))
        return 0

    return WorkerTasks(
        services={"outbound_webhooks": webhooks.make_sender(pool, count_attempt).run},
        duties=[
            Duty("expired_deliveries", 60, expired_deliveries, _BATCH),
            Duty("old_webhook_events", 3_600, old_webhook_events, _BATCH),
            Duty("oldest_delivery", 30, oldest_delivery, 1),
        ],
    )
