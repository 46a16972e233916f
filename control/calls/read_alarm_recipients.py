"""Read model: who is told of an alarm. Needs platform scope."""

from dataclasses import dataclass
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Addresses of a kind that get an e-mail at most.
MOST_RECIPIENTS: Final = 20

# Owners of workspace $1 who confirmed their addresses, and staff who may do something about it.
_OWNERS: Final = """
    SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
    WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.is_active AND u.email_verified_at IS NOT NULL
    ORDER BY m.joined_at, u.id LIMIT $2
"""
_STAFF: Final = """
    SELECT email FROM admins WHERE is_active AND role IN ('super_admin', 'support') ORDER BY created_at, id LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class AlarmRecipients:
    """Addresses, and the workspace's name; empty for all workspaces together."""

    workspace_name: str
    owners: tuple[str, ...]
    staff: tuple[str, ...]


async def select_recipients(db: Connection, workspace_id: UUID | None) -> AlarmRecipients:
    """workspace_id: None for an alarm about all workspaces together, of which only the staff are told."""
    name = await db.fetchval("SELECT name FROM workspaces WHERE id = $1", workspace_id)
    owners = await db.fetch(_OWNERS, workspace_id, MOST_RECIPIENTS)
    staff = await db.fetch(_STAFF, MOST_RECIPIENTS)
    return AlarmRecipients(name or "", tuple(one["email"] for one in owners), tuple(one["email"] for one in staff))
