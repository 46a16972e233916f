"""Read model of the owners who are told about a disabled endpoint. Needs platform scope."""

from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.outbound_webhooks.model import WebhookOwner

MOST_OWNERS: Final = 10
_SELECT: Final = """
    SELECT w.name, u.email
    FROM workspace_members m JOIN users u ON u.id = m.user_id JOIN workspaces w ON w.id = m.workspace_id
    WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.is_active AND u.email_verified_at IS NOT NULL
      AND w.deleted_at IS NULL
    ORDER BY m.joined_at, m.user_id LIMIT $2
"""


async def select_owners(db: Connection, workspace_id: UUID) -> list[WebhookOwner]:
    """Those who can sign in and have confirmed their address."""
    return [WebhookOwner(row["name"], row["email"]) for row in await db.fetch(_SELECT, workspace_id, MOST_OWNERS)]
