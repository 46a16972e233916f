"""The worker's tasks for webhooks: retries open events and deletes old ones."""

from datetime import datetime

from control.calls.stream_end import STREAM_ENDED
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.http.services import Services
from control.webhooks.duties import remove_old_webhooks, retry_open_webhooks
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.options import WebhookOptions
from control.webhooks.parts import make_parts
from control.webhooks.telnyx.stream_end_job import make_stream_end_job
from control.webhooks.twilio.stream_check import CHECK_STREAM, make_stream_check_job


def webhooks_tasks(pool: Pool, services: Services, metrics: WebhookMetrics | None = None) -> WorkerTasks:
    """Duties `webhooks` and `old_webhooks`, and the jobs that follow a stream's end. metrics: counts the events that
    are retried."""
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
