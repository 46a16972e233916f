"""Which workspaces are to be suspended for overdue invoices, and which no longer."""

from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_late(db: Connection, before: datetime, answered_since: datetime, most: int) -> list[UUID]:
    """Workspaces, not suspended and not deleted, with an invoice that was due before; one of a sink only if the sink
    was asked since then and said that it is open. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT DISTINCT w.id FROM invoices i JOIN workspaces w ON w.id = i.workspace_id
        WHERE i.status = 'overdue' AND i.due_at < $1 AND w.status <> 'suspended' AND w.deleted_at IS NULL
          AND (i.stripe_invoice_id IS NULL OR EXISTS (
              SELECT FROM sink_invoices s WHERE s.invoice_id = i.id AND s.answered_at >= $2))
        ORDER BY w.id LIMIT $3
        """,
        before,
        answered_since,
        most,
    )
    return [row["id"] for row in rows]


async def select_settled(db: Connection, reason: str, most: int) -> list[UUID]:
    """Workspaces that are suspended for this reason and have no overdue invoice, nor one that was given up as
    uncollectible: staff decide about those. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w
        WHERE w.status = 'suspended' AND w.suspended_why = $1 AND w.deleted_at IS NULL
          AND NOT EXISTS (
              SELECT FROM invoices i WHERE i.workspace_id = w.id AND i.status IN ('overdue', 'uncollectible'))
        ORDER BY w.id LIMIT $2
        """,
        reason,
        most,
    )
    return [row["id"] for row in rows]
