"""Read model: figures of the platform for the staff, from roll-ups and workspaces. Needs platform scope."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Final
from uuid import UUID

from control.analytics.platform_figures import (
    PlatformSums,
    ProviderFigures,
    WorkspaceFigures,
    WorkspaceOrder,
    split_revenue,
)
from control.db.pool import Connection

# Providers in an answer: more than a catalogue has.
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
# $1: first days of months; $2: days; $3: most rows.
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
# All time; its parameters are those of _SPANS, so that both are used alike.
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
    """Calls and money of all workspaces."""
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
    """The first `limit` workspaces with figures in these months and days."""
    return await _rank(db, _SPANS, months, days, order, limit)


async def rank_workspaces_of_all_time(db: Connection, order: WorkspaceOrder, limit: int) -> list[WorkspaceFigures]:
    """The first `limit` workspaces, by all that is recorded of them."""
    return await _rank(db, _TOTALS, [], [], order, limit)


async def count_unpriced(db: Connection, workspaces: Sequence[UUID], first: date, last: date) -> dict[UUID, int]:
    """Entries of calls without a known cost, by workspace."""
    rows = await db.fetch(
        "SELECT workspace_id, sum(unpriced)::bigint AS unpriced FROM provider_daily "
        "WHERE workspace_id = ANY ($1::uuid[]) AND day BETWEEN $2 AND $3 GROUP BY 1",
        workspaces,
        first,
        last,
    )
    return {row["workspace_id"]: row["unpriced"] for row in rows}


async def select_providers(db: Connection, first: date, last: date) -> list[ProviderFigures]:
    """Providers and carriers that calls used, the most expensive first."""
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
