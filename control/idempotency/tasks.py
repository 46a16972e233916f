"""The worker's task for idempotency: deletes old responses."""

from datetime import datetime

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection
from control.idempotency.queries import delete_old_responses


def idempotency_tasks() -> WorkerTasks:
    """Return the duty `answers`, which deletes old stored responses."""

    async def answers(db: Connection, now: datetime) -> int:
        return await delete_old_responses(db, now, 1_000)

    return WorkerTasks(duties=[Duty("answers", 600, answers, 1_000)])
