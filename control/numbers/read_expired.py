"""Read model: deleted workspaces past their grace period whose addresses carriers still have."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_workspaces_with_addresses(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Those without numbers, which are released first, the longest overdue first. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w WHERE w.purge_after <= $1
        AND EXISTS (SELECT FROM business_addresses a WHERE a.workspace_id = w.id AND a.status = 'active')
        AND NOT EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id
                        AND p.status IN ('buying', 'active', 'releasing'))
        ORDER BY w.purge_after LIMIT $2
        """,
        now,
        most,
    )
    return [row["id"] for row in rows]
