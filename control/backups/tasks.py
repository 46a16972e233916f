"""The worker's task for backups: reports their age. A job of its own makes them, `python -m control backups create`."""

from collections.abc import Callable, Sequence
from datetime import datetime

from control.backups import queries
from control.backups.rules import BackupRun
from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection


def backups_tasks(report: Callable[[Sequence[BackupRun]], None]) -> WorkerTasks:
    """Duty `backups`.

    Args:
        report: Takes the newest run of each kind.
    """

    async def read_runs(db: Connection, now: datetime) -> int:
        report(await queries.select_newest(db))
        return 0

    return WorkerTasks(duties=[Duty("backups", 60, read_runs, 1 << 62)])
