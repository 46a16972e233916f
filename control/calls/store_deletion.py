"""SQL that deletes calls."""

from uuid import UUID

from control.db.pool import Connection


async def delete_calls(db: Connection, workspace_id: UUID, most: int) -> int:
    """Deletes up to `most` calls of a workspace with their words and events; returns how many."""
    total: int = await db.fetchval(
        """
        WITH batch AS (SELECT id FROM calls WHERE workspace_id = $1 LIMIT $2),
        events AS (DELETE FROM call_events WHERE workspace_id = $1 AND call_id IN (SELECT id FROM batch)),
        deleted AS (DELETE FROM calls WHERE workspace_id = $1 AND id IN (SELECT id FROM batch) RETURNING 1)
        SELECT count(*) FROM deleted
        """,
        workspace_id,
        most,
    )
    return total
