"""SQL of workspaces themselves."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from control.db.pool import Connection
from control.workspaces.model import Membership, Use, Workspace

_COLUMNS: Final = ", ".join(field.name for field in fields(Workspace))
# What may change after a workspace was made.
_MUTABLE: Final = tuple(field.name for field in fields(Workspace) if field.name not in ("id", "created_at"))
# "NO KEY UPDATE": whoever changes the workspace or its members waits. "UPDATE": who adds an agent or a number does too.
Hold = Literal["", "KEY SHARE", "NO KEY UPDATE", "UPDATE"]


async def select(db: Connection, workspace_id: UUID, *, hold: Hold = "", deleted: bool = False) -> Workspace | None:
    """One. hold: until the transaction ends. deleted: those within their grace period too."""
    held = f" FOR {hold}" if hold else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM workspaces WHERE id = $1 AND ($2 OR deleted_at IS NULL){held}", workspace_id, deleted
    )
    return None if row is None else Workspace(**row)


async def insert(db: Connection, workspace: Workspace, user_id: UUID) -> None:
    """A new one; its scope must have been entered."""
    await db.execute(
        """
        INSERT INTO workspaces (id, name, industry, timezone, status, tier_name, trial_ends_at, created_by,
                                created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9)
        """,
        workspace.id, workspace.name, workspace.industry, workspace.timezone, workspace.status, workspace.tier_name,
        workspace.trial_ends_at, user_id, workspace.created_at,
    )  # fmt: skip


async def update(db: Connection, workspace: Workspace) -> None:
    """Writes all that may change; its row must be held."""
    sets = ", ".join(f"{name} = ${place}" for place, name in enumerate(_MUTABLE, 2))
    values = (getattr(workspace, name) for name in _MUTABLE)
    await db.execute(f"UPDATE workspaces SET {sets} WHERE id = $1", workspace.id, *values)


async def insert_change(db: Connection, change_id: UUID, workspace: Workspace, now: datetime) -> None:
    """Status and tier as they are from now on."""
    await db.execute(
        """
        INSERT INTO workspace_changes (id, workspace_id, at, status, tier_name, monthly_fee)
        SELECT $1, $2, $3, $4, tier_name, monthly_fee FROM tiers WHERE tier_name = $5
        """,
        change_id, workspace.id, now, "deleted" if workspace.deleted_at else workspace.status, workspace.tier_name,
    )  # fmt: skip


async def lock_creator(db: Connection, user_id: UUID) -> None:
    """Whoever counts this user's workspaces in order to add one waits until this transaction ends."""
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


async def select_memberships(db: Connection, user_id: UUID) -> list[Membership]:
    """Where a user belongs, longest first."""
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
    """How many workspaces each of some users belongs to; who belongs to none is left out."""
    rows = await db.fetch(
        """
        SELECT m.user_id, count(*) AS workspaces
        FROM workspace_members m JOIN workspaces w ON w.id = m.workspace_id
        WHERE m.user_id = ANY ($1::uuid[]) AND w.deleted_at IS NULL GROUP BY m.user_id
        """,
        user_ids,
    )
    return {row["user_id"]: row["workspaces"] for row in rows}


async def select_use(db: Connection, workspace_id: UUID, now: datetime) -> Use:
    """What a workspace takes up of its tier. Agents and numbers are rows of rooms above this one."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL) AS agents,
               (SELECT count(*) FROM workspace_members WHERE workspace_id = $1) AS members,
               (SELECT count(*) FROM invitations WHERE workspace_id = $1 AND accepted_at IS NULL
                AND revoked_at IS NULL AND expires_at > $2) AS invitations,
               (SELECT count(*) FROM phone_numbers WHERE workspace_id = $1
                AND status IN ('buying', 'active')) AS phone_numbers
        """,
        workspace_id, now,
    )  # fmt: skip
    return Use(**row)


async def select_seconds(db: Connection, workspace_id: UUID, now: datetime) -> int:
    """Seconds of calls in this calendar month (UTC), as far as they are rolled up."""
    total: int = await db.fetchval(
        """
        SELECT coalesce(sum(seconds), 0)::bigint FROM workspace_daily
        WHERE workspace_id = $1 AND day >= date_trunc('month', $2::timestamptz AT TIME ZONE 'UTC')::date
        """,
        workspace_id, now,
    )  # fmt: skip
    return total
