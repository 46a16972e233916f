"""SQL of the table of members."""

from datetime import datetime
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.db.pool import Connection
from control.workspaces.roles import Role


async def count_members(db: Connection, workspace_id: UUID) -> int:
    """Counts the members."""
    total: int = await db.fetchval("SELECT count(*) FROM workspace_members WHERE workspace_id = $1", workspace_id)
    return total


async def select_role(db: Connection, workspace_id: UUID, user_id: UUID | None) -> Role | None:
    """Returns a user's role; None when not a member."""
    role: Role | None = await db.fetchval(
        "SELECT role FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id
    )
    return role


async def insert_member(
    db: Connection, workspace_id: UUID, user_id: UUID, role: Role, invited_by: UUID | None, now: datetime
) -> bool:
    """False: the account is deleted (the transaction cannot go on) or is a member already."""
    try:
        status = await db.execute(
            """
            INSERT INTO workspace_members (workspace_id, user_id, role, invited_by, joined_at)
            VALUES ($1, $2, $3, $4, $5)
            ON CONFLICT (workspace_id, user_id) DO NOTHING
            """,
            workspace_id, user_id, role, invited_by, now,
        )  # fmt: skip
    except asyncpg.ForeignKeyViolationError:
        return False
    return bool(status == "INSERT 0 1")


async def update_role(db: Connection, workspace_id: UUID, user_id: UUID, role: Role) -> None:
    """Stores another role."""
    await db.execute(
        "UPDATE workspace_members SET role = $3 WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id, role
    )


async def delete_member(db: Connection, workspace_id: UUID, user_id: UUID) -> None:
    """Deletes the membership."""
    await db.execute("DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id)


async def lock_memberships(db: Connection, user_id: UUID) -> list[UUID]:
    """Locks the user's workspaces, except deleted ones, in the order of their ids, which prevents deadlocks."""
    rows = await db.fetch(
        """
        SELECT id FROM workspaces WHERE deleted_at IS NULL
        AND id IN (SELECT workspace_id FROM workspace_members WHERE user_id = $1) ORDER BY id FOR NO KEY UPDATE
        """,
        user_id,
    )
    return [row["id"] for row in rows]
