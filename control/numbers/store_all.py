"""SQL over the numbers of all workspaces, for the worker: needs platform scope."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_workspace(db: Connection, number_id: UUID) -> UUID | None:
    """Whose a number is."""
    found: UUID | None = await db.fetchval("SELECT workspace_id FROM phone_numbers WHERE id = $1", number_id)
    return found


async def select_held(db: Connection, workspace_id: UUID) -> list[UUID]:
    """Numbers of a workspace that cost money, or soon will; locked."""
    rows = await db.fetch(
        "SELECT id FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active') "
        "ORDER BY id FOR UPDATE",
        workspace_id,
    )
    return [row["id"] for row in rows]


async def select_doomed(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Deleted workspaces past their grace period that still have numbers, longest first."""
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w WHERE w.purge_after <= $1
        AND EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id AND p.status IN ('buying', 'active'))
        ORDER BY w.purge_after LIMIT $2
        """,
        now, most,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def lock_stuck(db: Connection, before: datetime, most: int) -> list[tuple[UUID, str]]:
    """Numbers whose purchase or release has not moved since, and their status, longest first."""
    rows = await db.fetch(
        """
        SELECT id, status FROM phone_numbers WHERE status IN ('buying', 'releasing') AND updated_at < $1
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before, most,
    )  # fmt: skip
    return [(row["id"], row["status"]) for row in rows]


async def is_queued(db: Connection, job: str, payload: bytes) -> bool:
    """Whether somebody works on such a job, or will: then the number needs no other."""
    queued: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM pgqueuer WHERE entrypoint = $1 AND payload = $2 "
        "AND status IN ('queued', 'picked'))",
        job,
        payload,
    )
    return queued


async def touch(db: Connection, number_ids: list[UUID], now: datetime) -> None:
    """They are looked at again after a while only."""
    await db.execute("UPDATE phone_numbers SET updated_at = $2 WHERE id = ANY($1)", number_ids, now)
