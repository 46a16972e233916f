"""The worker's duties for the records of calls."""

from datetime import datetime
from typing import Final

from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.calls.records import queries
from control.db.pool import Connection

# Processing takes about a second, in which a late event of one of these calls would wait.
INDEXED_AT_ONCE: Final = 500


async def mark_running(db: Connection, now: datetime) -> int:
    """Marks the days of running calls, so that usage so far is rolled up. Returns the number of days."""
    days = [WorkspaceDay(workspace_id, day) for workspace_id, day in await queries.select_open_days(db)]
    await mark_days(db, days)
    return len(days)


async def index_older(db: Connection, now: datetime) -> int:
    """Makes calls searchable that ended before the table of words existed. Returns the number of processed calls."""
    return await queries.index_older_calls(db, INDEXED_AT_ONCE)
