"""Read model: numbers of a workspace that a campaign may call from."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_SELECT: Final = """
    SELECT id FROM phone_numbers
    WHERE workspace_id = $1 AND id = ANY($2::uuid[]) AND status = 'active' AND carrier IN ('twilio', 'telnyx') LIMIT 100
"""


async def select_active(db: Connection, workspace_id: UUID, number_ids: Sequence[UUID]) -> set[UUID]:
    """Those of these numbers that the workspace may call from."""
    return {row["id"] for row in await db.fetch(_SELECT, workspace_id, list(number_ids))}
