"""SQL that deletes callers' messages, by retention or on a caller's request."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Callers say their number in many forms: only its digits are compared.
_SELECT_CALLS: Final = """
    SELECT DISTINCT call_id FROM messages
    WHERE workspace_id = $1 AND taken_at <= $3
      AND regexp_replace(callback_number, '[^0-9]', '', 'g') = regexp_replace($2, '[^0-9]', '', 'g') LIMIT $4
"""


async def select_calls_of_number(
    db: Connection, workspace_id: UUID, number: str, until: datetime, most: int
) -> list[UUID]:
    """Calls with a message that asks to be called back at the number."""
    return [row["call_id"] for row in await db.fetch(_SELECT_CALLS, workspace_id, number, until, most)]


async def delete_messages(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Deletes the messages of these calls; returns how many."""
    status = await db.execute(
        "DELETE FROM messages WHERE workspace_id = $1 AND call_id = ANY($2::uuid[])", workspace_id, call_ids
    )
    return int(status.split()[-1])
