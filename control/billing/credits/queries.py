"""SQL for credit grants. The lines of invoices contain the amounts taken from a grant."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.billing.credits.rules import CreditGrant
from control.db.pool import Connection

# Maximum number of a workspace's grants in a list.
MOST_GRANTS: Final = 1_000
_SELECT: Final = """
    SELECT g.id, g.workspace_id, g.amount, g.currency, g.category, g.applies_to, g.priority, g.effective_at,
           g.expires_at, g.reason, g.granted_by, g.voided_at, g.created_at,
           coalesce((SELECT -sum(l.amount) FROM invoice_lines l JOIN invoices i ON i.id = l.invoice_id
                     WHERE l.grant_id = g.id AND i.status <> 'void'), 0) AS used
    FROM credit_grants g
"""


async def insert_grant(db: Connection, grant: CreditGrant) -> None:
    """Insert a grant."""
    await db.execute(
        """
        INSERT INTO credit_grants (id, workspace_id, amount, currency, category, applies_to, priority, effective_at,
                                   expires_at, reason, granted_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        """,
        *(grant.id, grant.workspace_id, grant.amount, grant.currency, grant.category, grant.applies_to),
        *(grant.priority, grant.effective_at, grant.expires_at, grant.reason, grant.granted_by, grant.created_at),
    )


async def select_grants(db: Connection, workspace_id: UUID) -> list[CreditGrant]:
    """Return the grants of a workspace, newest first."""
    rows = await db.fetch(
        f"{_SELECT} WHERE g.workspace_id = $1 ORDER BY g.created_at DESC, g.id DESC LIMIT $2", workspace_id, MOST_GRANTS
    )
    return [CreditGrant(**row) for row in rows]


async def lock_grants(db: Connection, workspace_id: UUID) -> list[CreditGrant]:
    """Return the grants of a workspace like `select_grants`, locked until the transaction ends."""
    await db.execute("SELECT FROM credit_grants WHERE workspace_id = $1 FOR UPDATE", workspace_id)
    return await select_grants(db, workspace_id)


async def select_grant(db: Connection, grant_id: UUID) -> CreditGrant | None:
    """Return a grant, locked until the transaction ends, or None. Needs platform scope."""
    await db.execute("SELECT FROM credit_grants WHERE id = $1 FOR UPDATE", grant_id)
    row = await db.fetchrow(f"{_SELECT} WHERE g.id = $1", grant_id)
    return None if row is None else CreditGrant(**row)


async def void_grant(db: Connection, grant_id: UUID, now: datetime) -> None:
    """Void a grant, so that invoices take nothing more from it."""
    await db.execute("UPDATE credit_grants SET voided_at = $2 WHERE id = $1", grant_id, now)
