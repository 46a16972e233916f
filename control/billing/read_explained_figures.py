"""Read model: figures of the dashboard in the platform's currency, once from roll-ups and once from the records. Needs
platform scope."""

from datetime import date
from decimal import Decimal
from typing import Final, Literal

from control.billing.model import CURRENCY, FigurePart
from control.db.pool import Connection

Column = Literal["price", "cost"]
# The fee of each active workspace, by the exchange rate of now. $1: the platform's currency.
_ACTIVE_FEES: Final = """
    SELECT w.tier_name, CASE WHEN coalesce(a.currency, $1) = $1 THEN t.monthly_fee
                        ELSE round(p.monthly_fee * usd_rate(a.currency, now()), 2) END AS fee
    FROM workspaces w JOIN tiers t USING (tier_name)
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    LEFT JOIN tier_prices p ON p.tier_name = w.tier_name AND p.currency = a.currency
    WHERE w.status = 'active' AND w.deleted_at IS NULL
"""
# Rows that closed a period which has accruals: these hold the same amounts by day. `u` is a row of the ledger.
_CLOSED: Final = """
    u.resource_type IN ('subscription', 'included_minutes', 'trial', 'phone_number') AND EXISTS (
        SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
        AND p.period_end > u.at AND p.accrued_until IS NOT NULL)
"""
# The ledger's rows since the day $1, without those that closed a period whose accruals are counted instead; credits are
# no revenue.
_ROWS: Final = f"""
    SELECT u.workspace_id, u.at, u.resource_type, u.cost,
           CASE WHEN u.resource_type <> 'credit' THEN u.price END AS price
    FROM usage_records u WHERE u.at >= $1::date::timestamp AT TIME ZONE 'UTC' AND NOT ({_CLOSED})
    UNION ALL
    SELECT workspace_id, at, resource_type, cost, price FROM accruals
    WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC'
"""
# Costs since the day $1; they are in the platform's currency.
_SUM_COSTS: Final = f"""
    SELECT resource_type AS name, count(*) AS rows, coalesce(sum(cost), 0) AS amount FROM ({_ROWS}) found
    GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100
"""
# Prices since the day $1, by the day's rate where they are not in the platform's currency, $2.
_SUM_PRICES: Final = f"""
    WITH days AS (
        SELECT u.resource_type AS name, a.currency, CASE WHEN a.currency IS NOT NULL
                   THEN date_trunc('day', u.at AT TIME ZONE 'UTC') AT TIME ZONE 'UTC' END AS day,
               count(*) AS rows, coalesce(sum(u.price), 0) AS amount
        FROM ({_ROWS}) u LEFT JOIN billing_accounts a ON a.workspace_id = u.workspace_id AND a.currency <> $2
        GROUP BY 1, 2, 3
    )
    SELECT name, sum(rows)::bigint AS rows,
           sum(CASE WHEN currency IS NULL THEN amount ELSE amount * usd_rate(currency, day) END) AS amount
    FROM days GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100
"""


async def sum_platform_days(db: Connection, column: Column, first: date) -> Decimal:
    """The roll-ups' sum since that day (UTC)."""
    total: Decimal = await db.fetchval(f"SELECT coalesce(sum({column}), 0) FROM platform_daily WHERE day >= $1", first)
    return total


async def sum_ledger(db: Connection, column: Column, first: date) -> list[FigurePart]:
    """The ledger's sums since that day (UTC) by resource; reads all rows. Prices in another currency are converted by
    the rate that held when their day began."""
    rows = await (db.fetch(_SUM_COSTS, first) if column == "cost" else db.fetch(_SUM_PRICES, first, CURRENCY))
    return [FigurePart(**row) for row in rows]


async def select_mrr(db: Connection) -> Decimal:
    """The fees of all active workspaces."""
    total: Decimal = await db.fetchval(f"SELECT coalesce(sum(fee), 0) FROM ({_ACTIVE_FEES}) f", CURRENCY)
    return total


async def select_fees(db: Connection) -> list[FigurePart]:
    """The fees of active workspaces by tier."""
    rows = await db.fetch(
        f"""
        SELECT tier_name AS name, count(*) AS rows, sum(fee) AS amount
        FROM ({_ACTIVE_FEES}) f GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 1000
        """,
        CURRENCY,
    )
    return [FigurePart(**row) for row in rows]
