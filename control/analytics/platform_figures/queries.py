"""SQL that reads the platform's figures from roll-ups, workspaces, agents and providers."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.analytics.platform_figures.rules import (
    Overview,
    PlatformSums,
    ProviderFigures,
    UsageFigures,
    WorkspaceFigures,
    WorkspaceOrder,
    split_revenue,
)
from control.db.pool import Connection
from control.platform.rules import CURRENCY

# Maximum number of providers in an answer. No catalog has more.
MAX_PROVIDERS: Final = 1_000
# $1, $2: first and last day.
_SUMS: Final = """
    SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(seconds), 0)::bigint AS seconds,
           coalesce(sum(price), 0) AS revenue, coalesce(sum(cost), 0) AS cost,
           (SELECT coalesce(sum(unpriced), 0)::bigint FROM platform_provider_daily WHERE day BETWEEN $1 AND $2)
               AS unpriced
    FROM platform_daily WHERE day BETWEEN $1 AND $2
"""
_PARTS: Final = """
    SELECT what, key, sum(value::numeric) AS value
    FROM platform_daily
    CROSS JOIN LATERAL (
        SELECT 'status' AS what, key, value FROM jsonb_each(by_status)
        UNION ALL SELECT 'provider', key, value FROM jsonb_each(by_provider)
        UNION ALL SELECT 'tier', key, value FROM jsonb_each(price_by_tier)
        UNION ALL SELECT 'resource', key, value FROM jsonb_each(revenue_by_resource)
    ) part
    WHERE day BETWEEN $1 AND $2 GROUP BY 1, 2 ORDER BY 3 DESC, 2
"""
# $1: first days of months; $2: days; $3: maximum number of rows.
_SPANS: Final = """
    SELECT workspace_id, sum(calls)::bigint AS calls, sum(seconds)::bigint AS seconds, sum(revenue) AS revenue,
           sum(cost) AS cost
    FROM (
        SELECT workspace_id, calls, seconds, revenue, cost FROM workspace_monthly WHERE month = ANY ($1::date[])
        UNION ALL
        SELECT workspace_id, calls, seconds, coalesce(revenue, price), cost FROM workspace_daily
        WHERE day = ANY ($2::date[])
    ) spans
    GROUP BY 1
"""
# All-time figures. The parameters are those of _SPANS, so that both queries can be used alike.
_TOTALS: Final = """
    SELECT workspace_id, calls, seconds, coalesce(revenue, price) AS revenue, cost FROM workspace_totals
    WHERE cardinality($1::date[]) + cardinality($2::date[]) = 0
"""
_COLUMNS: Final[Mapping[WorkspaceOrder, str]] = {
    "calls": "calls", "revenue": "revenue", "minutes": "seconds", "cost": "cost",
}  # fmt: skip
_PROVIDERS: Final = """
    SELECT provider, sum(calls)::bigint AS calls, sum(measured)::bigint AS measured,
           sum(failed_calls)::bigint AS failed_calls, sum(cost) AS cost, sum(revenue) AS revenue,
           sum(unpriced)::bigint AS unpriced
    FROM platform_provider_daily WHERE day BETWEEN $1 AND $2 GROUP BY 1 ORDER BY 5 DESC, 1 LIMIT $3
"""
_LATENCY: Final = """
    SELECT provider, role, bucket, sum(turns::bigint)::bigint AS turns
    FROM platform_provider_daily
    CROSS JOIN jsonb_each(latency) AS l (role, buckets) CROSS JOIN jsonb_each_text(l.buckets) AS b (bucket, turns)
    WHERE day BETWEEN $1 AND $2 GROUP BY 1, 2, 3
"""


async def select_sums(db: Connection, first: date, last: date) -> PlatformSums:
    """Return calls and money of all workspaces."""
    row = await db.fetchrow(_SUMS, first, last)
    parts: dict[str, dict[str, Any]] = {"status": {}, "provider": {}, "tier": {}, "resource": {}}
    for part in await db.fetch(_PARTS, first, last):
        parts[part["what"]][part["key"]] = part["value"]
    return PlatformSums(
        **row,
        by_status={key: int(value) for key, value in parts["status"].items()},
        by_provider={key: int(value) for key, value in parts["provider"].items()},
        revenue_by_tier=parts["tier"],
        parts=split_revenue(parts["resource"]),
    )


async def rank_workspaces(
    db: Connection, months: Sequence[date], days: Sequence[date], order: WorkspaceOrder, limit: int
) -> list[WorkspaceFigures]:
    """Return the first `limit` workspaces with figures in these months and days."""
    return await _rank(db, _SPANS, months, days, order, limit)


async def rank_workspaces_of_all_time(db: Connection, order: WorkspaceOrder, limit: int) -> list[WorkspaceFigures]:
    """Return the first `limit` workspaces by their all-time figures."""
    return await _rank(db, _TOTALS, [], [], order, limit)


async def count_unpriced(db: Connection, workspaces: Sequence[UUID], first: date, last: date) -> dict[UUID, int]:
    """Return the number of call entries without a known cost, by workspace."""
    rows = await db.fetch(
        "SELECT workspace_id, sum(unpriced)::bigint AS unpriced FROM provider_daily "
        "WHERE workspace_id = ANY ($1::uuid[]) AND day BETWEEN $2 AND $3 GROUP BY 1",
        workspaces,
        first,
        last,
    )
    return {row["workspace_id"]: row["unpriced"] for row in rows}


async def select_providers(db: Connection, first: date, last: date) -> list[ProviderFigures]:
    """Return the providers and carriers that calls used, most expensive first."""
    rows = await db.fetch(_PROVIDERS, first, last, MAX_PROVIDERS)
    latency: dict[str, dict[str, dict[str, int]]] = {}
    for row in await db.fetch(_LATENCY, first, last):
        latency.setdefault(row["provider"], {}).setdefault(row["role"], {})[row["bucket"]] = row["turns"]
    return [ProviderFigures(**row, latency=latency.get(row["provider"], {})) for row in rows]


async def _rank(
    db: Connection, figures: str, months: Sequence[date], days: Sequence[date], order: WorkspaceOrder, limit: int
) -> list[WorkspaceFigures]:
    rows = await db.fetch(
        f"""
        WITH ranked AS (SELECT * FROM ({figures}) f ORDER BY {_COLUMNS[order]} DESC, workspace_id LIMIT $3)
        SELECT r.*, w.name FROM ranked r LEFT JOIN workspaces w ON w.id = r.workspace_id
        ORDER BY r.{_COLUMNS[order]} DESC, r.workspace_id
        """,
        months,
        days,
        limit,
    )
    return [WorkspaceFigures(**row) for row in rows]


# The fee of each active workspace at the current exchange rate. $1: the platform's currency.
ACTIVE_FEES: Final = """
    SELECT w.tier_name, CASE WHEN coalesce(a.currency, $1) = $1 THEN t.monthly_fee
                        ELSE round(p.monthly_fee * usd_rate(a.currency, now()), 2) END AS fee
    FROM workspaces w JOIN tiers t USING (tier_name)
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    LEFT JOIN tier_prices p ON p.tier_name = w.tier_name AND p.currency = a.currency
    WHERE w.status = 'active' AND w.deleted_at IS NULL
"""


async def select_overview(db: Connection, today: date, month: date) -> Overview:
    """Return the platform's figures. A single statement makes them consistent."""
    row = await db.fetchrow(
        f"""
        WITH here AS (
            SELECT count(*) AS workspaces, count(*) FILTER (WHERE status = 'active') AS active,
                   (SELECT coalesce(sum(fee), 0) FROM ({ACTIVE_FEES}) f) AS mrr
            FROM workspaces WHERE deleted_at IS NULL
        ),
        live AS (
            SELECT count(*) AS agents FROM agents a JOIN workspaces w ON w.id = a.workspace_id
            WHERE a.status = 'live' AND a.deleted_at IS NULL AND w.deleted_at IS NULL AND w.status <> 'suspended'
        ),
        month AS (
            SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(price), 0) AS price,
                   coalesce(sum(calls) FILTER (WHERE day = $2), 0)::bigint AS today
            FROM platform_daily WHERE day BETWEEN $3 AND $2
        ),
        health AS (
            SELECT count(*) FILTER (WHERE health_status = 'healthy') AS healthy,
                   count(*) FILTER (WHERE health_status = 'degraded') AS degraded,
                   count(*) FILTER (WHERE health_status = 'down') AS down,
                   count(*) FILTER (WHERE health_status = 'unknown') AS unknown
            FROM providers WHERE is_enabled
        )
        SELECT here.workspaces, here.active, here.mrr, live.agents, month.today, month.calls, month.price,
               healthy, degraded, down, unknown
        FROM here, live, month, health
        """,
        CURRENCY,
        today,
        month,
    )
    health = {name: row[name] for name in ("healthy", "degraded", "down", "unknown")}
    return Overview(
        workspaces=row["workspaces"],
        active_workspaces=row["active"],
        calls_today=row["today"],
        calls_month=row["calls"],
        revenue_month=row["price"],
        mrr=row["mrr"],
        live_agents=row["agents"],
        providers_by_health=health,
    )


async def select_mrr(db: Connection) -> Decimal:
    """Return the sum of the monthly fees of all active workspaces."""
    return Decimal(await db.fetchval(f"SELECT coalesce(sum(fee), 0) FROM ({ACTIVE_FEES}) f", CURRENCY))


async def select_revenue(db: Connection, first: date) -> tuple[Decimal, dict[str, Decimal]]:
    """Return the amount charged since a day: in total, and by tier."""
    total = await db.fetchval("SELECT coalesce(sum(price), 0) FROM platform_daily WHERE day >= $1", first)
    rows = await db.fetch(
        """
        SELECT key AS tier, sum(value::numeric) AS price FROM platform_daily, jsonb_each(price_by_tier)
        WHERE day >= $1 GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        first,
    )
    return total, {row["tier"]: row["price"] for row in rows}


async def count_churn(db: Connection, began: datetime, now: datetime) -> tuple[int, int]:
    """Return the number of workspaces that were active at `began`, and how many of them are not active at `now`."""
    row = await db.fetchrow(
        """
        WITH earlier AS (
            SELECT DISTINCT ON (workspace_id) workspace_id, status FROM workspace_changes
            WHERE at < $1 ORDER BY workspace_id, at DESC, seq DESC
        ),
        since AS (
            SELECT DISTINCT ON (workspace_id) workspace_id, status FROM workspace_changes
            WHERE at >= $1 AND at <= $2 ORDER BY workspace_id, at DESC, seq DESC
        )
        SELECT count(*) AS before, count(*) FILTER (WHERE since.status <> 'active') AS lost
        FROM earlier LEFT JOIN since USING (workspace_id)
        WHERE earlier.status = 'active'
        """,
        began,
        now,
    )
    return row["before"], row["lost"]


async def select_usage(db: Connection, first: date) -> UsageFigures:
    """Return the calls since a day."""
    sums = await db.fetchrow(
        "SELECT coalesce(sum(calls), 0)::bigint AS calls, coalesce(sum(seconds), 0)::bigint AS seconds "
        "FROM platform_daily WHERE day >= $1",
        first,
    )
    providers = await db.fetch(
        """
        SELECT key, sum(value::bigint)::bigint AS calls FROM platform_daily, jsonb_each(by_provider)
        WHERE day >= $1 GROUP BY 1 ORDER BY 2 DESC, 1
        """,
        first,
    )
    hours = await db.fetch(
        """
        SELECT hour, sum(h.calls)::bigint AS calls
        FROM platform_daily, unnest(by_hour) WITH ORDINALITY AS h (calls, hour)
        WHERE day >= $1 GROUP BY 1 ORDER BY 1
        """,
        first,
    )
    by_hour = tuple(row["calls"] for row in hours) or (0,) * 24
    return UsageFigures(sums["calls"], sums["seconds"], {row["key"]: row["calls"] for row in providers}, by_hour)
