"""SQL of the references of appointments that callers told."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('reference_attempts ' || $1::text, 0))"
_HAS: Final = """
    SELECT EXISTS (SELECT FROM reference_attempts WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3)
"""
_INSERT: Final = """
    INSERT INTO reference_attempts (call_id, run_id, workspace_id, attempted_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""


async def lock_attempts(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count a workspace's attempts in order to add one."""
    await db.execute(_LOCK, str(workspace_id))


async def has_attempt(db: Connection, workspace_id: UUID, call_id: UUID, run_id: str) -> bool:
    """Whether this run is counted already."""
    found: bool = await db.fetchval(_HAS, workspace_id, call_id, run_id)
    return found


async def insert_attempt(db: Connection, workspace_id: UUID, call_id: UUID, run_id: str, now: datetime) -> None:
    """Counts an attempt."""
    await db.execute(_INSERT, call_id, run_id, workspace_id, now)
