"""Scope of a transaction, which the row-level security policies read. It ends with the transaction."""

from uuid import UUID

from control.db.pool import Connection


async def enter_platform(db: Connection) -> None:
    """Enters the scope of all workspaces, for the staff's requests and the worker."""
    await db.execute("SELECT enter_scope('platform', NULL, NULL)")


async def enter_user(db: Connection, user_id: UUID) -> None:
    """Enters the scope of a user: their memberships and the workspaces of these."""
    await db.execute("SELECT enter_scope('user', NULL, $1)", user_id)


async def enter_workspace(db: Connection, workspace_id: UUID, user_id: UUID | None = None) -> None:
    """Enters the scope of one workspace."""
    await db.execute("SELECT enter_scope('tenant', $1, $2)", workspace_id, user_id)
