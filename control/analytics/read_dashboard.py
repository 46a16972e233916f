"""Read model of the dashboards: roll-ups, workspaces, agents and providers. Money is in the platform's currency."""

from datetime import date, datetime
from decimal import Decimal
from typing import Final

from control.analytics.model import Overview, UsageFigures
from control.db.pool import Connection
from control.platform.model import CURRENCY

# The fee of each active workspace, by the exchange rate of now. $1: the platform's currency.
ACTIVE_FEES: Final = """
    SELECT w.tier_name, CASE WHEN coalesce(a.currency, $1) = $1 THEN t.monthly_fee
                        ELSE round(p.monthly_fee * usd_rate(a.currency, now()), 2) END AS fee
    FROM workspaces w JOIN tiers t USING (tier_name)
    LEFT JOIN billing_accounts a ON a.workspace_id = w.id
    LEFT JOIN tier_prices p ON p.tier_name = w.tier_name AND p.currency = a.currency
    WHERE w.status = 'active' AND w.deleted_at IS NULL
"""


async def select_overview(db: Connection, today: date, month: date) -> Overview:
    """The platform's figures, in one statement, so that they are consistent."""
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
    """The monthly fees of all active workspaces' tiers."""
    return Decimal(await db.fetchval(f"SELECT coalesce(sum(fee), 0) FROM ({ACTIVE_FEES}) f", CURRENCY))


async def select_revenue(db: Connection, first: date) -> tuple[Decimal, dict[str, Decimal]]:
    """The sum charged since a day: total, and by tier."""
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
    """Numbers of workspaces that were active at `began`, and of those of them that are not active at `now`."""
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
    """Calls since a day."""
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
