"""Read model: calls of campaigns that are over although their attempts are not, because a program of the version before
ended them."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_SELECT: Final = """
    SELECT a.call_id FROM campaign_attempts a JOIN calls c ON c.id = a.call_id
    WHERE a.finished_at IS NULL AND a.started_at < $1 AND c.status NOT IN ('queued', 'ringing', 'in_progress')
    ORDER BY a.started_at LIMIT $2
"""


async def select_unsettled(db: Connection, before: datetime, most: int) -> list[UUID]:
    """Ids of up to `most` such calls that were placed before then. Needs platform scope."""
    return [row["call_id"] for row in await db.fetch(_SELECT, before, most)]
