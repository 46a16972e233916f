"""SQL of open calls for the reaper."""

from datetime import date, datetime
from typing import Final
from uuid import UUID

from control.calls.state import CallState
from control.calls.store import STATE_COLUMNS, state_from_row
from control.db.pool import Connection

# Open calls older than $1, in batches of $3 by id; $2 is the last id of the batch before.
_SELECT_OPEN: Final = f"""
    SELECT {STATE_COLUMNS} FROM calls
    WHERE status IN ('queued', 'ringing', 'in_progress') AND created_at < $1 AND ($2::uuid IS NULL OR id > $2)
    ORDER BY id LIMIT $3
"""

# Workspaces and days (UTC) of the creation of open calls.
_SELECT_OPEN_DAYS: Final = """
    SELECT DISTINCT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day FROM calls
    WHERE status IN ('queued', 'ringing', 'in_progress')
"""


async def select_open_days(db: Connection) -> list[tuple[UUID, date]]:
    """The workspaces and days of all calls that are not over."""
    return [(row["workspace_id"], row["day"]) for row in await db.fetch(_SELECT_OPEN_DAYS)]


async def select_open(db: Connection, before: datetime, after: UUID | None, most: int) -> list[CallState]:
    """Up to `most` calls that are not over and were created before that moment, by id, behind the id `after`."""
    return [state_from_row(row) for row in await db.fetch(_SELECT_OPEN, before, after, most)]
