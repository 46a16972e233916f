"""SQL that finds calls which wait to be dialled, and whose numbers are on a do-not-call list by now."""

from typing import Final
from uuid import UUID

from control.db.pool import Connection

# A call that was tried already is not in it: the try may have reached the carrier.
_SELECT: Final = """
    SELECT call.id FROM calls call
    JOIN do_not_call_numbers listed ON listed.workspace_id = call.workspace_id AND listed.number = call.called_number
    WHERE call.status = 'queued' AND call.direction = 'outbound' AND call.carrier_call_id IS NULL
      AND call.details ->> 'placing_at' IS NULL
    ORDER BY call.created_at LIMIT $1
"""


async def select_listed(db: Connection, most: int) -> list[UUID]:
    """Up to `most` of them, of all workspaces. Needs platform scope."""
    return [row["id"] for row in await db.fetch(_SELECT, most)]
