"""Answers kept for Idempotency-Keys that nobody will ask for again."""

from datetime import datetime, timedelta
from typing import Final

from control.db.pool import Connection

# Longer than any client goes on repeating a request.
KEPT: Final = timedelta(hours=24)


async def remove_old_answers(db: Connection, now: datetime, most: int) -> int:
    """Removes up to `most`, the oldest first; returns how many."""
    status = await db.execute(
        """
        DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM idempotency_keys WHERE created_at < $1 ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED
        ))
        """,
        now - KEPT,
        most,
    )
    return int(status.split()[-1])
