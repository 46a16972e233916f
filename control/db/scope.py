"""Whose rows a transaction may see: read by the row-level security policies, gone with the transaction."""

from uuid import UUID

from control.db.pool import Connection


async def enter_platform(db: Connection) -> None:
    """All workspaces: for the staff's requests and the worker."""
    await db.execute("SELECT enter_scope('platform', NULL, NULL)")


async def enter_user(db: Connection, user_id: UUID) -> None:
    """The user's own memberships, and the workspaces that they lead to."""
    await db.execute("SELECT enter_scope('user', NULL, $1)", user_id)


async def enter_workspace(db: Connection, workspace_id: UUID, user_id: UUID | None = None) -> None:
    """One workspace."""
    await db.execute("SELECT enter_scope('tenant', $1, $2)", workspace_id, user_id)
