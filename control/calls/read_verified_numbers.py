"""Read model: the verified phone numbers of a workspace's members."""

from typing import Final
from uuid import UUID

from control.accounts.model import VerifiedNumber
from control.db.pool import Connection

# Newest first. A member has no more than the setting verified_numbers_per_user.
_SELECT: Final = """
    SELECT v.id, v.user_id, v.phone_number, v.verified_at
    FROM verified_numbers v JOIN workspace_members m ON m.user_id = v.user_id
    WHERE m.workspace_id = $1 ORDER BY v.verified_at DESC, v.id DESC LIMIT 1000
"""


async def select_verified(db: Connection, workspace_id: UUID) -> list[VerifiedNumber]:
    """Up to 1,000, newest first."""
    return [VerifiedNumber(**row) for row in await db.fetch(_SELECT, workspace_id)]
