"""SQL of members."""

from datetime import datetime
from typing import Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.db.pool import Connection
from control.workspaces.model import Member
from control.workspaces.roles import Role

_MEMBER: Final = """
    SELECT m.user_id, u.email, u.name, m.role, m.joined_at
    FROM workspace_members m JOIN users u ON u.id = m.user_id WHERE m.workspace_id = $1
"""
# An owner whom the staff has locked out keeps no workspace alive.
_OTHER_OWNER: Final = """
    EXISTS (SELECT FROM workspace_members o JOIN users u ON u.id = o.user_id
            WHERE o.workspace_id = w.id AND o.role = 'owner' AND o.user_id <> $2 AND u.is_active)
"""


async def select_members(db: Connection, workspace_id: UUID, offset: int, limit: int) -> list[Member]:
    """A page, in the order in which they came."""
    rows = await db.fetch(f"{_MEMBER} ORDER BY m.joined_at, m.user_id OFFSET $2 LIMIT $3", workspace_id, offset, limit)
    return [Member(**row) for row in rows]


async def count_members(db: Connection, workspace_id: UUID) -> int:
    """All of them."""
    total: int = await db.fetchval("SELECT count(*) FROM workspace_members WHERE workspace_id = $1", workspace_id)
    return total


async def select_member(db: Connection, workspace_id: UUID, user_id: UUID) -> Member | None:
    """One."""
    row = await db.fetchrow(f"{_MEMBER} AND m.user_id = $2", workspace_id, user_id)
    return None if row is None else Member(**row)


async def select_role(db: Connection, workspace_id: UUID, user_id: UUID | None) -> Role | None:
    """What somebody is there, if anything."""
    role: Role | None = await db.fetchval(
        "SELECT role FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id
    )
    return role


async def has_member(db: Connection, workspace_id: UUID, email: str) -> bool:
    """Whether somebody with this address belongs to it."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND u.email = $2)
        """,
        workspace_id, email,
    )  # fmt: skip
    return found


async def select_first_owner(db: Connection, workspace_id: UUID) -> Member | None:
    """The owner who has been there longest."""
    row = await db.fetchrow(f"{_MEMBER} AND m.role = 'owner' ORDER BY m.joined_at, m.user_id LIMIT 1", workspace_id)
    return None if row is None else Member(**row)


async def has_verified_owner(db: Connection, workspace_id: UUID) -> bool:
    """Whether an owner has confirmed their address."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN users u ON u.id = m.user_id
                       WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.email_verified_at IS NOT NULL)
        """,
        workspace_id,
    )
    return found


async def has_other_owner(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Whether somebody else is an owner who can sign in; the workspace's row must be held."""
    found: bool = await db.fetchval(f"SELECT {_OTHER_OWNER} FROM workspaces w WHERE w.id = $1", workspace_id, user_id)
    return found


async def insert_member(
    db: Connection, workspace_id: UUID, user_id: UUID, role: Role, invited_by: UUID | None, now: datetime
) -> bool:
    """False: the account is gone, or they belong to it already; nothing more can be done in this transaction."""
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
    """Another role."""
    await db.execute(
        "UPDATE workspace_members SET role = $3 WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id, role
    )


async def delete_member(db: Connection, workspace_id: UUID, user_id: UUID) -> None:
    """They belong to it no more."""
    await db.execute("DELETE FROM workspace_members WHERE workspace_id = $1 AND user_id = $2", workspace_id, user_id)


async def lock_account(db: Connection, user_id: UUID) -> None:
    """Whoever makes this user a member of anything waits until this transaction ends."""
    await db.execute("SELECT FROM users WHERE id = $1 FOR UPDATE", user_id)


async def lock_memberships(db: Connection, user_id: UUID) -> list[UUID]:
    """Ids of the user's workspaces, deleted ones aside; all are held, in an order that two who do so share."""
    rows = await db.fetch(
        """
        SELECT id FROM workspaces WHERE deleted_at IS NULL
        AND id IN (SELECT workspace_id FROM workspace_members WHERE user_id = $1) ORDER BY id FOR NO KEY UPDATE
        """,
        user_id,
    )
    return [row["id"] for row in rows]


async def select_orphans(db: Connection, workspace_ids: list[UUID], user_id: UUID) -> list[str]:
    """Names of those of the workspaces in which nobody but this user is an owner."""
    rows = await db.fetch(
        f"""
        SELECT w.name FROM workspaces w JOIN workspace_members m ON m.workspace_id = w.id
        WHERE w.id = ANY ($1::uuid[]) AND m.user_id = $2 AND m.role = 'owner' AND NOT {_OTHER_OWNER} ORDER BY w.name
        """,
        workspace_ids, user_id,
    )  # fmt: skip
    return [row["name"] for row in rows]
