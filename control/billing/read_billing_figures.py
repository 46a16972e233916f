"""Read model: the staff's figures of billing. Needs platform scope."""

from datetime import date
from typing import Final

from control.analytics.platform_figures import split_revenue
from control.billing.invoices import PaymentStatus
from control.billing.model import CURRENCY, BillingOverview, TierRevenue, WorkspaceBalance
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_ORDER: Final = Keyset(("w.created_at", "w.id"), "SELECT created_at, id FROM workspaces WHERE id = $1")
_SELECT_SUMS: Final = """
    SELECT coalesce(sum(price), 0) AS revenue, coalesce(sum(cost), 0) AS cost,
           (SELECT coalesce(sum(unpriced), 0)::bigint FROM platform_provider_daily WHERE day >= $1) AS unpriced
    FROM platform_daily WHERE day >= $1
"""
_SELECT_RESOURCES: Final = """
    SELECT key, sum(value::numeric) AS amount FROM platform_daily, jsonb_each(revenue_by_resource)
    WHERE day >= $1 GROUP BY 1
"""
# By the tier that each workspace had when its day was last computed.
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
# Payments by the exchange rate of their time, what is open by that of its period's begin.
_SELECT_OPEN: Final = """
    SELECT (SELECT coalesce(sum(round(amount * usd_rate(currency, at), 3)), 0) FROM payments
            WHERE at >= $1::date::timestamp AT TIME ZONE 'UTC') AS paid,
           coalesce(sum(owed) FILTER (WHERE status = 'pending'), 0) AS pending,
           coalesce(sum(owed) FILTER (WHERE status = 'overdue'), 0) AS overdue
    FROM (SELECT status, round((amount - amount_paid + amount_refunded) * usd_rate(currency, period_start), 3) AS owed
          FROM invoices WHERE status IN ('pending', 'overdue')) AS open
"""
# Workspaces that owe something, by the worst state of their invoices; the others have paid.
_OWING: Final = """
    SELECT workspace_id, sum(amount - amount_paid + amount_refunded) AS balance,
           CASE WHEN bool_or(status = 'overdue') THEN 'overdue' ELSE 'pending' END AS status
    FROM invoices WHERE status IN ('pending', 'overdue') GROUP BY 1
"""
_WANTED: Final = "w.deleted_at IS NULL AND ($1::text IS NULL OR coalesce(o.status, 'paid') = $1)"


async def select_overview(db: Connection, first: date) -> BillingOverview:
    """Since that day (UTC), in the platform's currency."""
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
    """Workspaces, newest first. Raises Invalid (code cursor_unknown)."""
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
    """Number of such workspaces."""
    total: int = await db.fetchval(
        f"WITH o AS ({_OWING}) SELECT count(*) FROM workspaces w LEFT JOIN o ON o.workspace_id = w.id WHERE {_WANTED}",
        status,
    )
    return total
