"""SQL of what ends a deleted workspace for good: needs platform scope."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def lock_due(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Deleted workspaces past their grace period, longest first.

    Those that somebody else holds are left out, and so are those with a phone number that the carrier still charges
    for: with the row would go the knowledge of it.
    """
    rows = await db.fetch(
        """
        SELECT id FROM workspaces w WHERE purge_after <= $1
        AND NOT EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id
                        AND p.status IN ('buying', 'active', 'releasing'))
        ORDER BY purge_after LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        now, most,
    )  # fmt: skip
    return [row["id"] for row in rows]


async def delete_calls(db: Connection, workspace_id: UUID, most: int) -> int:
    """Some calls with their words and events; how many. Figures and money stay: they name nobody."""
    total: int = await db.fetchval(
        """
        WITH batch AS (SELECT id FROM calls WHERE workspace_id = $1 LIMIT $2),
        told AS (DELETE FROM call_events WHERE workspace_id = $1 AND call_id IN (SELECT id FROM batch)),
        gone AS (DELETE FROM calls WHERE workspace_id = $1 AND id IN (SELECT id FROM batch) RETURNING 1)
        SELECT count(*) FROM gone
        """,
        workspace_id, most,
    )  # fmt: skip
    return total


async def delete_workspace(db: Connection, workspace_id: UUID) -> None:
    """The rest of it, by cascade. Days that were marked keep the figures they had: there is nothing left to count."""
    await db.execute("DELETE FROM rollup_dirty WHERE workspace_id = $1", workspace_id)
    await db.execute("DELETE FROM workspaces WHERE id = $1", workspace_id)
