"""SQL that counts how often callers state the reference of an appointment."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# How long an attempt counts against its phone number.
ATTEMPT_PERIOD: Final = timedelta(days=1)
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended('reference_attempts ' || $1::text, 0))"
_HAS: Final = """
    SELECT EXISTS (SELECT FROM reference_attempts WHERE workspace_id = $1 AND call_id = $2 AND run_id = $3)
"""
_INSERT: Final = """
    INSERT INTO reference_attempts (call_id, run_id, workspace_id, attempted_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT DO NOTHING
"""
_COUNT: Final = """
    SELECT count(*) FILTER (WHERE a.call_id = $2) AS in_call, count(*) AS of_number
    FROM reference_attempts a JOIN calls c ON c.id = a.call_id AND c.workspace_id = a.workspace_id
    WHERE a.workspace_id = $1 AND (a.call_id = $2 OR a.attempted_at > $4 AND
          coalesce(CASE WHEN c.direction = 'outbound' THEN c.called_number ELSE c.caller_number END, '') = $3)
"""


async def lock_attempts(db: Connection, workspace_id: UUID) -> None:
    """Serialize the transactions that count and add attempts in a workspace."""
    await db.execute(_LOCK, str(workspace_id))


async def has_attempt(db: Connection, workspace_id: UUID, call_id: UUID, run_id: str) -> bool:
    """Return whether this run has been counted."""
    found: bool = await db.fetchval(_HAS, workspace_id, call_id, run_id)
    return found


async def count_attempts(
    db: Connection, workspace_id: UUID, call_id: UUID, number: str, now: datetime
) -> tuple[int, int]:
    """Count the attempts of the call, and the attempts of the number within ATTEMPT_PERIOD including this call's.

    Args:
        number: The customer's number. All withheld numbers (empty) count as one number.
    """
    row = await db.fetchrow(_COUNT, workspace_id, call_id, number, now - ATTEMPT_PERIOD)
    return row["in_call"], row["of_number"]


async def insert_attempt(db: Connection, workspace_id: UUID, call_id: UUID, run_id: str, now: datetime) -> None:
    """Record an attempt."""
    await db.execute(_INSERT, call_id, run_id, workspace_id, now)
