"""The worker's task for backups: reports the age of the newest runs.

A separate job, `python -m control backups create`, creates the backups.
"""

from collections.abc import Callable, Sequence
from datetime import datetime

from control.backups import queries
from control.backups.rules import BackupRun
from control.db.duties import Duty, WorkerTasks
from control.db.pool import Connection


def backups_tasks(report: Callable[[Sequence[BackupRun]], None]) -> WorkerTasks:
    """Return the duty `backups`.

    Args:
        report: Receives the newest run of each kind.
    """

    async def read_runs(db: Connection, now: datetime) -> int:
        report(await queries.select_newest(db))
        return 0

    return WorkerTasks(duties=[Duty("backups", 60, read_runs, 1 << 62)])
