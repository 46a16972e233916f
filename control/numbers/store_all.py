"""SQL of the numbers of all workspaces. Needs platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_workspace(db: Connection, number_id: UUID) -> UUID | None:
    """The workspace that a number belongs to."""
    found: UUID | None = await db.fetchval("SELECT workspace_id FROM phone_numbers WHERE id = $1", number_id)
    return found


async def select_held(db: Connection, workspace_id: UUID) -> list[UUID]:
    """Locks the numbers of a workspace that cost money, or soon will; returns their ids."""
    rows = await db.fetch(
        "SELECT id FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active') "
        "ORDER BY id FOR UPDATE",
        workspace_id,
    )
    return [row["id"] for row in rows]


async def select_held_among(db: Connection, numbers: Sequence[str]) -> set[str]:
    """Those of these numbers that a workspace has, or is buying; served by the unique index. numbers: a search's."""
    rows = await db.fetch(
        "SELECT phone_number FROM phone_numbers "
        "WHERE phone_number = ANY($1) AND status IN ('buying', 'active', 'releasing') LIMIT $2",
        numbers,
        len(numbers),
    )
    return {row["phone_number"] for row in rows}


async def lock_stuck(db: Connection, before: datetime, most: int) -> list[tuple[UUID, str]]:
    """Locks numbers whose purchase or release has not moved since; returns their ids and status, the longest first."""
    rows = await db.fetch(
        """
        SELECT id, status FROM phone_numbers WHERE status IN ('buying', 'releasing') AND updated_at < $1
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before,
        most,
    )
    return [(row["id"], row["status"]) for row in rows]


async def touch(db: Connection, number_ids: list[UUID], now: datetime) -> None:
    """Sets updated_at, so that they are not checked again soon."""
    await db.execute("UPDATE phone_numbers SET updated_at = $2 WHERE id = ANY($1)", number_ids, now)
