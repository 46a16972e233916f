"""Read model: whose a workspace is, and which workspaces are theirs. Needs platform scope."""

from collections.abc import Collection
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Who owns workspace $1, or made it: the maker may have left it to a second account.
_SELECT_HOLDERS: Final = """
    SELECT user_id FROM workspace_members WHERE workspace_id = $1 AND role = 'owner'
    UNION SELECT created_by FROM workspaces WHERE id = $1 AND created_by IS NOT NULL
"""

# Workspaces that users $1 made or own. Deleted ones are among them until they are purged.
_SELECT_WORKSPACES: Final = """
    SELECT id FROM workspaces WHERE created_by = ANY($1::uuid[])
    UNION SELECT workspace_id FROM workspace_members WHERE user_id = ANY($1::uuid[]) AND role = 'owner'
    LIMIT 10000
"""


async def select_holders(db: Connection, workspace_id: UUID) -> set[UUID]:
    """Owners and maker of a workspace."""
    return {row["user_id"] for row in await db.fetch(_SELECT_HOLDERS, workspace_id)}


async def select_workspaces(db: Connection, user_ids: Collection[UUID]) -> list[UUID]:
    """Workspaces of these users, deleted ones included."""
    return [row["id"] for row in await db.fetch(_SELECT_WORKSPACES, list(user_ids))]
