"""The worker's tasks for the platform: partitions, and deletion of old records that no other room owns."""

from datetime import datetime, timedelta

from control.db.duties import Duty, WorkerTasks
from control.db.jobs import delete_history
from control.db.partitions import ensure_partitions
from control.db.pool import Connection
from control.platform.service import Platform
from control.platform.store_idempotency import delete_old_responses


def platform_tasks(platform: Platform) -> WorkerTasks:
    """Duties `partitions`, `answers` (stored for an Idempotency-Key) and `jobs` (the job queue's history)."""

    async def partitions(db: Connection, _: datetime) -> int:
        return await ensure_partitions(db)

    async def answers(db: Connection, now: datetime) -> int:
        return await delete_old_responses(db, now, 1_000)

    async def jobs(db: Connection, now: datetime) -> int:
        retention = timedelta(days=await platform.setting(db, "job_history_days"))
        return await delete_history(db, now - retention, 1_000)

    return WorkerTasks(
        duties=[
            Duty("partitions", 3_600, partitions, 1 << 30),
            Duty("answers", 600, answers, 1_000),
            Duty("jobs", 3_600, jobs, 1_000),
        ]
    )
