"""Read model: transferred calls whose granted time is over."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Entries whose call is still transferred at $3, in a workspace whose limit still ends calls: their last time is over by
# $1, or a time that nobody renewed was over by $2; and no job was told to end them since $4. Locked, so that of two
# workers one tells a job.
_LOCK_DUE: Final = """
    SELECT t.call_id
    FROM transfer_times t
    JOIN calls c ON c.id = t.call_id
    JOIN workspaces w ON w.id = t.workspace_id
    LEFT JOIN billing_settings s ON s.workspace_id = t.workspace_id
    LEFT JOIN billing_accounts a ON a.workspace_id = t.workspace_id
    WHERE t.granted_until <= CASE WHEN t.is_last THEN $1::timestamptz ELSE $2::timestamptz END
      AND (t.ended_at IS NULL OR t.ended_at <= $4)
      AND c.end_reason = 'transferred' AND c.transfer_until::timestamptz > $3::timestamptz
      AND w.status <> 'trial'
      AND (coalesce(a.is_prepaid, false) OR (s.usage_limit_monthly IS NOT NULL AND s.auto_pause_on_limit))
    ORDER BY t.granted_until LIMIT $5
    FOR UPDATE OF t SKIP LOCKED
"""


async def lock_due(
    db: Connection, last_until: datetime, others_until: datetime, now: datetime, told_before: datetime, most: int
) -> list[UUID]:
    """Up to `most` calls that have to end now, whose entries stay locked. last_until: calls that were refused more end
    if their time is over by then; others_until: those whose time nobody renewed. told_before: a call that a job was
    told to end later than this is not among them. Needs platform scope."""
    rows = await db.fetch(_LOCK_DUE, last_until, others_until, now, told_before, most)
    return [row["call_id"] for row in rows]
