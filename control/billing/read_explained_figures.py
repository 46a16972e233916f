"""Read model: figures of the dashboard, once from roll-ups and once from the records. Needs platform scope."""

from datetime import date
from decimal import Decimal
from typing import Literal

from control.billing.model import FigurePart
from control.db.pool import Connection

Column = Literal["price", "cost"]


async def sum_platform_days(db: Connection, column: Column, first: date) -> Decimal:
    """The roll-ups' sum since that day (UTC)."""
    total: Decimal = await db.fetchval(f"SELECT coalesce(sum({column}), 0) FROM platform_daily WHERE day >= $1", first)
    return total


async def sum_ledger(db: Connection, column: Column, first: date) -> list[FigurePart]:
    """The ledger's sums since that day (UTC) by resource; reads all rows."""
    rows = await db.fetch(
        f"""
        SELECT resource_type AS name, count(*) AS rows, coalesce(sum({column}), 0) AS amount FROM usage_records
        WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC' GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100
        """,
        first,
    )
    return [FigurePart(**row) for row in rows]


async def select_mrr(db: Connection) -> Decimal:
    """The fees of all active workspaces."""
    total: Decimal = await db.fetchval(
        "SELECT coalesce(sum(t.monthly_fee), 0) FROM workspaces w JOIN tiers t USING (tier_name) "
        "WHERE w.status = 'active' AND w.deleted_at IS NULL"
    )
    return total


async def select_fees(db: Connection) -> list[FigurePart]:
    """The fees of active workspaces by tier."""
    rows = await db.fetch(
        """
        SELECT t.tier_name AS name, count(*) AS rows, sum(t.monthly_fee) AS amount
        FROM workspaces w JOIN tiers t USING (tier_name)
        WHERE w.status = 'active' AND w.deleted_at IS NULL GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 1000
        """
    )
    return [FigurePart(**row) for row in rows]
