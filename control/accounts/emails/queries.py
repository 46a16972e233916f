"""SQL for letter_counts: how many e-mails of a kind a recipient was sent."""

from datetime import datetime
from typing import Any

from control.db.pool import Connection


async def count_letter(
    db: Connection, recipient: bytes, now: datetime, hour_ago: datetime, day_ago: datetime, per_hour: int, per_day: int
) -> bool:
    """Count an e-mail. If `per_hour` or `per_day` is already reached, count nothing and return False."""
    counted = await db.fetchval(
        """
        INSERT INTO letter_counts AS c (recipient, hour_started_at, in_hour, day_started_at, in_day)
        VALUES ($1, $2, 1, $2, 1)
        ON CONFLICT (recipient) DO UPDATE SET
            hour_started_at = CASE WHEN c.hour_started_at < $3 THEN $2 ELSE c.hour_started_at END,
            in_hour = CASE WHEN c.hour_started_at < $3 THEN 1 ELSE c.in_hour + 1 END,
            day_started_at = CASE WHEN c.day_started_at < $4 THEN $2 ELSE c.day_started_at END,
            in_day = CASE WHEN c.day_started_at < $4 THEN 1 ELSE c.in_day + 1 END
        WHERE (c.hour_started_at < $3 OR c.in_hour < $5) AND (c.day_started_at < $4 OR c.in_day < $6)
        RETURNING true
        """,
        *(recipient, now, hour_ago, day_ago, per_hour, per_day),
    )
    return bool(counted)


async def purge(db: Connection, day_ago: datetime, most: int) -> int:
    """Delete counts of days that have ended. Return the number of deleted rows."""
    done: Any = await db.execute(
        """
        DELETE FROM letter_counts WHERE recipient IN (
            SELECT recipient FROM letter_counts WHERE day_started_at < $1
            ORDER BY day_started_at LIMIT $2 FOR UPDATE SKIP LOCKED)
        """,
        day_ago, most,
    )  # fmt: skip
    return int(str(done).rpartition(" ")[2])
