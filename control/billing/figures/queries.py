"""SQL for the staff's billing figures. Needs platform scope."""

from datetime import date
from decimal import Decimal
from typing import Final, Literal

from control.analytics.platform_figures.rules import split_revenue
from control.billing.figures.rules import BillingOverview, FigurePart, ProviderRoleCost, TierRevenue, WorkspaceBalance
from control.billing.invoices.rules import PaymentStatus
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.platform.rules import CURRENCY

# --- Overview and balances -----------------------------------------------------------------------------------------
_SELECT_SUMS: Final = """
    SELECT coalesce(sum(price), 0) AS revenue, coalesce(sum(cost), 0) AS cost,
           (SELECT coalesce(sum(unpriced), 0)::bigint FROM platform_provider_daily WHERE day >= $1) AS unpriced
    FROM platform_daily WHERE day >= $1
"""
_SELECT_RESOURCES: Final = """
    SELECT key, sum(value::numeric) AS amount FROM platform_daily, jsonb_each(revenue_by_resource)
    WHERE day >= $1 GROUP BY 1
"""
# Grouped by the tier that each workspace had when its day was last computed.
_SELECT_TIERS: Final = """
    WITH charged AS (
        SELECT key AS tier, sum(value::numeric) AS revenue FROM platform_daily, jsonb_each(price_by_tier)
        WHERE day >= $1 GROUP BY 1
    ),
    here AS (
        SELECT tier_name AS tier, count(*) AS workspaces FROM workspaces WHERE deleted_at IS NULL GROUP BY 1
    )
    SELECT tier, coalesce(here.workspaces, 0) AS workspaces, coalesce(charged.revenue, 0) AS revenue
    FROM charged FULL JOIN here USING (tier) ORDER BY 3 DESC, 1 LIMIT 1000
"""
# Converts payments at the exchange rate of their time, and open amounts at the rate of their period's beginning.
_SELECT_OPEN: Final = """
    SELECT (SELECT coalesce(sum(round(amount * usd_rate(currency, at), 3)), 0) FROM payments
            WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC') AS paid,
           coalesce(sum(owed) FILTER (WHERE status = 'pending'), 0) AS pending,
           coalesce(sum(owed) FILTER (WHERE status = 'overdue'), 0) AS overdue
    FROM (SELECT status, round((amount - amount_paid + amount_refunded) * usd_rate(currency, period_start), 3) AS owed
          FROM invoices WHERE status IN ('pending', 'overdue')) AS open
"""
_ORDER: Final = Keyset(("w.created_at", "w.id"), "SELECT created_at, id FROM workspaces WHERE id = $1")
# Selects workspaces that owe money, with the worst state of their invoices. All other workspaces have paid.
_OWING: Final = """
    SELECT workspace_id, sum(amount - amount_paid + amount_refunded) AS balance,
           CASE WHEN bool_or(status = 'overdue') THEN 'overdue' ELSE 'pending' END AS status
    FROM invoices WHERE status IN ('pending', 'overdue') GROUP BY 1
"""
_WANTED: Final = "w.deleted_at IS NULL AND ($1::text IS NULL OR coalesce(o.status, 'paid') = $1)"


async def select_overview(db: Connection, first: date) -> BillingOverview:
    """Return the overview since a UTC day, in the platform's currency."""
    sums = await db.fetchrow(_SELECT_SUMS, first)
    resources = await db.fetch(_SELECT_RESOURCES, first)
    tiers = await db.fetch(_SELECT_TIERS, first)
    open_ones = await db.fetchrow(_SELECT_OPEN, first)
    return BillingOverview(
        revenue=sums["revenue"],
        cost=sums["cost"],
        unpriced=sums["unpriced"],
        parts=split_revenue({row["key"]: row["amount"] for row in resources}),
        by_tier=[TierRevenue(**row) for row in tiers],
        paid=open_ones["paid"],
        pending=open_ones["pending"],
        overdue=open_ones["overdue"],
    )


async def select_balances(
    db: Connection, status: PaymentStatus | None, page: PageRequest
) -> ListPage[WorkspaceBalance]:
    """Return a page of workspaces with their balances, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (status,))
    currency = len(clause.values) + 1
    rows = await db.fetch(
        f"""
        WITH o AS ({_OWING}),
        w AS (
            SELECT w.id, w.name, w.created_at, coalesce(o.balance, 0) AS balance, coalesce(o.status, 'paid') AS status
            FROM workspaces w LEFT JOIN o ON o.workspace_id = w.id WHERE {_WANTED} {clause.tail}
        )
        SELECT w.id AS workspace_id, w.name, w.balance, w.status,
               coalesce((SELECT currency FROM billing_accounts a WHERE a.workspace_id = w.id), ${currency}) AS currency,
               (SELECT max(at) FROM payments p WHERE p.workspace_id = w.id AND p.kind = 'payment') AS last_payment
        FROM w ORDER BY {clause.order}
        """,
        *clause.values,
        CURRENCY,
    )
    return cut_page([WorkspaceBalance(**row) for row in rows], page)


async def count_balances(db: Connection, status: PaymentStatus | None) -> int:
    """Return the number of workspaces with this payment status."""
    total: int = await db.fetchval(
        f"WITH o AS ({_OWING}) SELECT count(*) FROM workspaces w LEFT JOIN o ON o.workspace_id = w.id WHERE {_WANTED}",
        status,
    )
    return total


# --- Figures that are explained ------------------------------------------------------------------------------------
Column = Literal["price", "cost"]
# Selects the fee of each active workspace, converted at the current exchange rate. $1 is the platform's currency.
_ACTIVE_FEES: Final = """
    SELECT w.tier_name, CASE WHEN coalesce(a.currency, $1) = $1 THEN t.monthly_fee
                        ELSE round(p.monthly_fee * usd_rate(a.currency, now()), 2) END AS fee
    FROM workspaces w JOIN tiers t USING (tier_name)
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    LEFT JOIN tier_prices p ON p.tier_name = w.tier_name AND p.currency = a.currency
    WHERE w.status = 'active' AND w.deleted_at IS NULL
"""
# Condition for ledger rows that closing a period added for an invoice line, if the period has accruals, which contain
# the same amounts by day. `u` is a row of the ledger.
_CLOSED: Final = """
    u.details ? 'line' AND u.resource_type <> 'credit' AND EXISTS (
        SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
        AND p.period_end > u.at AND p.accrued_until IS NOT NULL)
"""
# Selects ledger rows since the day $1, without rows that closed a period with accruals, because the accruals are
# counted. Credits are not revenue.
_ROWS: Final = f"""
    SELECT u.workspace_id, u.at, u.resource_type, u.cost,
           CASE WHEN u.resource_type <> 'credit' THEN u.price END AS price
    FROM usage_records u WHERE u.at >= $1::date::timestamp AT TIME ZONE 'UTC' AND NOT ({_CLOSED})
    UNION ALL
    SELECT workspace_id, at, resource_type, cost, price FROM accruals
    WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC'
"""
# Sums costs since the day $1. All costs are in the platform's currency.
_SUM_COSTS: Final = f"""
    SELECT resource_type AS name, count(*) AS rows, coalesce(sum(cost), 0) AS amount FROM ({_ROWS}) found
    GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 100
"""
# Sums prices since the day $1. Prices in another currency than the platform's, $2, are converted at the day's rate.
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
    """Return the sum of the roll-ups since a UTC day."""
    total: Decimal = await db.fetchval(f"SELECT coalesce(sum({column}), 0) FROM platform_daily WHERE day >= $1", first)
    return total


async def sum_ledger(db: Connection, column: Column, first: date) -> list[FigurePart]:
    """Return the ledger's sums since a UTC day, by resource. Reads all rows.

    Prices in another currency are converted at the rate at the beginning of their day.
    """
    rows = await (db.fetch(_SUM_COSTS, first) if column == "cost" else db.fetch(_SUM_PRICES, first, CURRENCY))
    return [FigurePart(**row) for row in rows]


async def select_mrr(db: Connection) -> Decimal:
    """Return the sum of the fees of all active workspaces."""
    total: Decimal = await db.fetchval(f"SELECT coalesce(sum(fee), 0) FROM ({_ACTIVE_FEES}) f", CURRENCY)
    return total


async def select_fees(db: Connection) -> list[FigurePart]:
    """Return the fees of active workspaces by tier."""
    rows = await db.fetch(
        f"""
        SELECT tier_name AS name, count(*) AS rows, sum(fee) AS amount
        FROM ({_ACTIVE_FEES}) f GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT 1000
        """,
        CURRENCY,
    )
    return [FigurePart(**row) for row in rows]


# --- Providers -----------------------------------------------------------------------------------------------------
# Size of each role's unit in units of the ledger: minutes of audio, thousands of characters. Tokens of different prices
# have no meaningful sum.
_UNITS: Final = {"stt": ("minute", 60_000), "tts": ("thousand_characters", 1_000)}


async def select_provider_costs(db: Connection, first: date) -> list[ProviderRoleCost]:
    """Return costs by provider and role since a UTC day, including test calls. Needs platform scope."""
    rows = await db.fetch(
        """
        SELECT provider, resource_type AS role, coalesce(sum(cost), 0) AS cost, sum(quantity) AS quantity,
               sum(unpriced)::integer AS unpriced
        FROM usage_daily WHERE day >= $1 AND resource_type IN ('stt', 'llm', 'tts')
        GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT 1000
        """,
        first,
    )
    return [_convert(**row) for row in rows]


def _convert(provider: str, role: str, cost: Decimal, quantity: Decimal, unpriced: int) -> ProviderRoleCost:
    unit, size = _UNITS.get(role, (None, 1))
    usage = None if unit is None else quantity / size
    return ProviderRoleCost(provider, role, cost, unit, usage, unpriced)
