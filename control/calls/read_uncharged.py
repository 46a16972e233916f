"""Read model: calls that are over whose minutes are not in the ledger, or not all, because a program of another version
ended them or changed their duration."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# Calls created since $1 that are over and whose seconds are not those of the ledger; up to $2. The ledger begins with
# the first price, so that calls from before it are not charged.
_SELECT_UNCHARGED: Final = """
    SELECT c.id FROM calls c
    WHERE c.created_at >= greatest($1, (SELECT min(valid_from) FROM price_versions))
      AND c.status NOT IN ('queued', 'ringing', 'in_progress')
      AND c.duration_seconds <> (SELECT coalesce(sum(u.quantity), 0) FROM usage_records u
                                 WHERE u.workspace_id = c.workspace_id AND u.at = c.created_at AND u.call_id = c.id
                                   AND u.resource_type = 'call_minutes')
    ORDER BY c.created_at, c.id LIMIT $2
"""


async def select_uncharged(db: Connection, since: datetime, most: int) -> list[UUID]:
    """Needs platform scope."""
    return [row["id"] for row in await db.fetch(_SELECT_UNCHARGED, since, most)]
