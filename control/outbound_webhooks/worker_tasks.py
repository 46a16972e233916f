"""The worker's tasks for outbound webhooks: sends them, gives up on old ones, deletes older ones."""

from datetime import datetime
from typing import Final

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection, Pool
from control.outbound_webhooks import store_events, store_queue
from control.outbound_webhooks.service import OutboundWebhooks

_BATCH: Final = 1_000


def outbound_webhooks_tasks(pool: Pool, webhooks: OutboundWebhooks) -> WorkerTasks:
    """Service `outbound_webhooks`, duties `expired_deliveries` and `old_webhook_events`."""

    async def expired_deliveries(db: Connection, now: datetime) -> int:
        return await store_queue.expire(db, now, _BATCH)

    async def old_webhook_events(db: Connection, now: datetime) -> int:
        return await store_events.delete_old(db, now, webhooks.policy.kept, _BATCH)

    return WorkerTasks(
        services={"outbound_webhooks": webhooks.make_sender(pool).run},
        duties=[
            Duty("expired_deliveries", 60, expired_deliveries, _BATCH),
            Duty("old_webhook_events", 3_600, old_webhook_events, _BATCH),
        ],
    )
