"""SQL of the roll-ups that are sums of other roll-ups: months of workspaces, days of providers on the platform."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# $1: days.
_PROVIDER_SUMS: Final = """
WITH buckets AS (
    SELECT d.day, d.provider, l.role, b.bucket, sum(b.turns::bigint) AS turns
    FROM provider_daily d
    CROSS JOIN jsonb_each(d.latency) AS l (role, buckets)
    CROSS JOIN jsonb_each_text(l.buckets) AS b (bucket, turns)
    WHERE d.day = ANY ($1::date[]) GROUP BY 1, 2, 3, 4
),
histograms AS (
    SELECT day, provider, jsonb_object_agg(role, turns) AS latency
    FROM (SELECT day, provider, role, jsonb_object_agg(bucket, turns) AS turns FROM buckets GROUP BY 1, 2, 3) roles
    GROUP BY 1, 2
),
sums AS (
    SELECT day, provider, sum(calls) AS calls, sum(measured) AS measured, sum(failed_calls) AS failed_calls,
           sum(cost) AS cost, sum(revenue) AS revenue, sum(unpriced) AS unpriced
    FROM provider_daily WHERE day = ANY ($1::date[]) GROUP BY 1, 2
)
INSERT INTO platform_provider_daily (day, provider, calls, measured, failed_calls, cost, revenue, unpriced, latency)
SELECT day, provider, calls, measured, failed_calls, cost, revenue, unpriced, coalesce(latency, '{}')
FROM sums LEFT JOIN histograms USING (day, provider)
"""


async def make_months(db: Connection, workspaces: Sequence[UUID], months: Sequence[date]) -> None:
    """workspace_monthly of these workspaces in these months, given by their first days: two arrays of one length."""
    await db.execute(
        """
        DELETE FROM workspace_monthly m USING unnest($1::uuid[], $2::date[]) AS asked (workspace_id, month)
        WHERE m.workspace_id = asked.workspace_id AND m.month = asked.month
        """,
        workspaces,
        months,
    )
    await db.execute(
        """
        INSERT INTO workspace_monthly (workspace_id, month, calls, seconds, revenue, cost)
        SELECT asked.workspace_id, asked.month, sum(d.calls), sum(d.seconds), sum(coalesce(d.revenue, d.price)),
               sum(d.cost)
        FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, month)
        JOIN workspace_daily d ON d.workspace_id = asked.workspace_id AND d.day >= asked.month
                              AND d.day < (asked.month + interval '1 month')::date
        GROUP BY 1, 2
        """,
        workspaces,
        months,
    )


async def make_platform_provider_days(db: Connection, days: Sequence[date]) -> None:
    """platform_provider_daily of these days."""
    await db.execute("DELETE FROM platform_provider_daily WHERE day = ANY ($1::date[])", days)
    await db.execute(_PROVIDER_SUMS, days)
