"""SQL that finds the calls of a suspended workspace that still cost money."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Calls of workspace $1, if it is suspended, that are not over or whose caller is still transferred at $2; by id, after
# $3.
_SELECT: Final = """
    SELECT c.id FROM calls c JOIN workspaces w ON w.id = c.workspace_id
    WHERE c.workspace_id = $1 AND w.status = 'suspended' AND ($3::uuid IS NULL OR c.id > $3)
      AND (c.status IN ('queued', 'ringing', 'in_progress')
           OR (c.end_reason = 'transferred' AND c.transfer_until::timestamptz > $2::timestamptz))
    ORDER BY c.id LIMIT $4
"""


async def select_calls_to_end(
    db: Connection, workspace_id: UUID, now: datetime, after: UUID | None, most: int
) -> list[UUID]:
    """Returns up to `most` ids after the id `after`; none if the workspace is not suspended. Needs platform scope."""
    return [row["id"] for row in await db.fetch(_SELECT, workspace_id, now, after, most)]
