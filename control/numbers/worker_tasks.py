"""The worker's tasks for phone numbers: buys and releases them at the carrier."""

from datetime import datetime

from control.carriers.registry import Carriers
from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.numbers.purchase_jobs import BUY, RELEASE, make_buy_job, make_release_job
from control.numbers.service import Numbers
from control.numbers.webhook_addresses import configure_numbers


def numbers_tasks(pool: Pool, numbers: Numbers, carriers: Carriers) -> WorkerTasks:
    """Jobs of purchase and release, duties `numbers` (stuck ones), `doomed_numbers` (of deleted workspaces)
    and `number_webhooks` (not configured as settings say)."""

    async def stuck(db: Connection, now: datetime) -> int:
        return await numbers.requeue_stuck(db, now, 50)

    async def expired(db: Connection, now: datetime) -> int:
        return await numbers.release_expired(db, now, 10)

    async def number_webhooks(pool: Pool, now: datetime) -> int:
        return await configure_numbers(pool, carriers, now, 20)

    return WorkerTasks(
        handlers={BUY: make_buy_job(pool, numbers, carriers), RELEASE: make_release_job(pool, numbers, carriers)},
        duties=[
            Duty("numbers", 60, stuck, 50),
            Duty("doomed_numbers", 600, expired, 10),
            OutsideDuty("number_webhooks", 60, number_webhooks, 20),
        ],
    )
