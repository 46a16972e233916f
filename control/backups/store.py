"""SQL of the table of backups and checks. The owner of the tables writes it; the programs' role may only read it."""

from datetime import datetime

import asyncpg  # type: ignore[import-untyped]

from control.backups.model import BackupRun
from control.db.pool import Connection


async def insert_run(db: asyncpg.Connection, run: BackupRun) -> None:
    """Records a successful run."""
    await db.execute(
        "INSERT INTO backup_runs (kind, backup, finished_at, seconds, size) VALUES ($1, $2, $3, $4, $5)",
        run.kind, run.backup, run.finished_at, run.seconds, run.size,
    )  # fmt: skip


async def delete_runs(db: asyncpg.Connection, before: datetime) -> None:
    """Deletes the records of runs that ended before this moment."""
    await db.execute("DELETE FROM backup_runs WHERE finished_at < $1", before)


async def select_newest(db: Connection) -> list[BackupRun]:
    """The newest run of each kind."""
    rows = await db.fetch(
        "SELECT DISTINCT ON (kind) kind, backup, finished_at, seconds, size FROM backup_runs "
        "ORDER BY kind, finished_at DESC LIMIT 2"
    )
    return [BackupRun(**row) for row in rows]
