"""SQL of open calls as the reaper looks at them."""

from datetime import datetime
from uuid import UUID

from control.calls.state import State
from control.calls.store import COLUMNS, OPEN
from control.db.pool import Connection


async def select_open(db: Connection, before: datetime, after: UUID | None, most: int) -> list[State]:
    """Up to `most` calls that are not over and were made before this moment, by their ids from `after` on."""
    rows = await db.fetch(
        f"""
        SELECT {COLUMNS} FROM calls WHERE status IN {OPEN} AND created_at < $1 AND ($2::uuid IS NULL OR id > $2)
        ORDER BY id LIMIT $3
        """,
        before,
        after,
        most,
    )
    return [State(**row) for row in rows]
