"""Read model: deleted workspaces that may be purged. Needs platform scope."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def lock_due(db: Connection, now: datetime, most: int, among: Sequence[UUID] | None = None) -> list[UUID]:
    """Locks deleted workspaces past their grace period, earliest first; skips rows locked by others.

    Skips workspaces with a phone number that the carrier still charges for, or with an address that it still has:
    neither could be removed there without its row. Also one that was deleted within the last 24 hours, because its
    calls and numbers count in limits of a day. among: only of these.
    """
    rows = await db.fetch(
        """
        SELECT id FROM workspaces w WHERE purge_after <= $1 AND deleted_at <= $1::timestamptz - interval '1 day'
        AND NOT EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id
                        AND p.status IN ('buying', 'active', 'releasing'))
        AND NOT EXISTS (SELECT FROM business_addresses a WHERE a.workspace_id = w.id)
        AND ($3::uuid[] IS NULL OR id = ANY ($3))
        ORDER BY purge_after LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        now, most, among,
    )  # fmt: skip
    return [row["id"] for row in rows]
