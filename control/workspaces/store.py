"""SQL of workspaces, of the history of their status, and of who belongs to how many."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.db.pool import Connection
from control.workspaces.model import Membership, Workspace

_COLUMNS: Final = ", ".join(field.name for field in fields(Workspace))
# Columns that may change after creation.
_MUTABLE: Final = tuple(field.name for field in fields(Workspace) if field.name not in ("id", "created_at"))
# "NO KEY UPDATE" blocks changes of the workspace and its members; "UPDATE" also blocks new agents and numbers.
RowLock = Literal["", "KEY SHARE", "NO KEY UPDATE", "UPDATE"]


async def select(db: Connection, workspace_id: UUID, *, hold: RowLock = "", deleted: bool = False) -> Workspace | None:
    """Returns a workspace. hold: row lock until the transaction ends. deleted: also within the grace period."""
    locking = f" FOR {hold}" if hold else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM workspaces WHERE id = $1 AND ($2 OR deleted_at IS NULL){locking}",
        workspace_id,
        deleted,
    )
    return None if row is None else Workspace(**row)


async def insert(db: Connection, workspace: Workspace, user_id: UUID) -> None:
    """Inserts a workspace; its scope must have been entered."""
    await db.execute(
        """
        INSERT INTO workspaces (id, name, industry, timezone, status, tier_name, trial_ends_at, created_by,
                                created_at, updated_at, status_before, suspended_at, suspended_why)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $10, $11, $12)
        """,
        *(workspace.id, workspace.name, workspace.industry, workspace.timezone, workspace.status),
        *(workspace.tier_name, workspace.trial_ends_at, user_id, workspace.created_at),
        *(workspace.status_before, workspace.suspended_at, workspace.suspended_why),
    )


async def update(db: Connection, workspace: Workspace) -> None:
    """Stores all mutable columns; the row must be locked."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_MUTABLE, 2))
    values = (getattr(workspace, name) for name in _MUTABLE)
    await db.execute(f"UPDATE workspaces SET {sets} WHERE id = $1", workspace.id, *values)


async def insert_change(
    db: Connection, change_id: UUID, workspace: Workspace, monthly_fee: Decimal, now: datetime
) -> None:
    """Records the status, tier and fee that the workspace has from now on."""
    await db.execute(
        """
        INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee)
        VALUES ($1, $2, $3, $4, $5, $6)
        """,
        change_id,
        workspace.id,
        now,
        "deleted" if workspace.deleted_at else workspace.status,
        workspace.tier_name,
        monthly_fee,
    )


async def lock_creator(db: Connection, user_id: UUID) -> None:
    """Makes concurrent creations by this user wait until the transaction ends: they count before they add."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('workspaces of ' || $1::text, 0))", str(user_id))


async def count_owned(db: Connection, user_id: UUID) -> int:
    """Workspaces that the user owns, alone or with others."""
    total: int = await db.fetchval(
        """
        SELECT count(*) FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND m.role = 'owner' AND w.deleted_at IS NULL
        """,
        user_id,
    )
    return total


async def owns_active(db: Connection, user_id: UUID) -> bool:
    """Whether the user owns a workspace that is active, and so no trial."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
                       WHERE m.user_id = $1 AND m.role = 'owner' AND w.status = 'active' AND w.deleted_at IS NULL)
        """,
        user_id,
    )
    return found


async def select_memberships(db: Connection, user_id: UUID) -> list[Membership]:
    """Returns a user's memberships, oldest first."""
    rows = await db.fetch(
        """
        SELECT w.id, w.name, w.industry, m.role, w.status, w.tier_name AS subscription_tier, m.joined_at
        FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = $1 AND w.deleted_at IS NULL ORDER BY m.joined_at, w.id LIMIT 1000
        """,
        user_id,
    )
    return [Membership(**row) for row in rows]


async def count_memberships(db: Connection, user_ids: Sequence[UUID]) -> dict[UUID, int]:
    """Counts the workspaces of each user; users without any are left out."""
    rows = await db.fetch(
        """
        SELECT m.user_id, count(*) AS workspaces
        FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = ANY ($1::uuid[]) AND w.deleted_at IS NULL GROUP BY m.user_id
        """,
        user_ids,
    )
    return {row["user_id"]: row["workspaces"] for row in rows}


async def lock_ended_trials(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Locks workspaces whose trial is over, earliest end first; skips rows locked by others."""
    rows = await db.fetch(
        """
        SELECT id FROM workspaces WHERE status = 'trial' AND deleted_at IS NULL AND trial_ends_at <= $1
        ORDER BY trial_ends_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
        """,
        now, most,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def delete(db: Connection, workspace_id: UUID) -> None:
    """Deletes the row and, by cascade, what refers to it."""
    await db.execute("DELETE FROM workspaces WHERE id = $1", workspace_id)
