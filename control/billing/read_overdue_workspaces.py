"""Which workspaces are to be suspended for overdue invoices, and which no longer."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_late(db: Connection, before: datetime, most: int) -> list[UUID]:
    """Workspaces, not suspended and not deleted, with an invoice that was due before. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT DISTINCT w.id FROM invoices i JOIN workspaces w ON w.id = i.workspace_id
        WHERE i.status = 'overdue' AND i.due_at < $1 AND w.status <> 'suspended' AND w.deleted_at IS NULL
        ORDER BY w.id LIMIT $2
        """,
        before,
        most,
    )
    return [row["id"] for row in rows]


async def select_settled(db: Connection, reason: str, most: int) -> list[UUID]:
    """Workspaces that are suspended for this reason and have no overdue invoice. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w
        WHERE w.status = 'suspended' AND w.suspended_why = $1 AND w.deleted_at IS NULL
          AND NOT EXISTS (SELECT FROM invoices i WHERE i.workspace_id = w.id AND i.status = 'overdue')
        ORDER BY w.id LIMIT $2
        """,
        reason,
        most,
    )
    return [row["id"] for row in rows]
