"""The worker's task for requests of running calls: deletes old runs."""

from datetime import datetime

from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection
from control.media_requests import queries


def media_requests_tasks() -> WorkerTasks:
    """Return the duty `tool_runs`."""

    async def tool_runs(db: Connection, now: datetime) -> int:
        return await queries.delete_old_runs(db, now, 1_000)

    return WorkerTasks(duties=[Duty("tool_runs", 600, tool_runs, 1_000)])
