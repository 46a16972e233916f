"""Read model: writes the providers' daily roll-ups from the calls and usage records of other rooms."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# $1, $2: workspaces and days (UTC), arrays of one length. All figures are of the calls created on the day, so that a
# call at midnight counts once. Usage is dated at most 40 days from its call (event_batch.FURTHEST).
#   kinds     a call's usage of one kind; an adjusting row of known cost settles the rows before it
#   shares    a call's cost of each provider, and that share of the call's price
#   seen      the roles in which a provider was used, or failed
#   alone     the roles in which a call had one provider only, whose latency the turns' is
_PROVIDER_DAYS: Final = """
WITH batch AS MATERIALIZED (
    SELECT workspace_id, day, day::timestamp AT TIME ZONE 'UTC' AS since,
           (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
),
made AS MATERIALIZED (
    SELECT b.workspace_id, b.day, c.id AS call_id, c.created_at, c.is_test, c.details -> 'failed_providers' AS failed,
           c.details -> 'latency' AS latency
    FROM batch b
    JOIN calls c ON c.workspace_id = b.workspace_id AND c.created_at >= b.since AND c.created_at < b.until
),
kinds AS MATERIALIZED (
    SELECT m.workspace_id, m.day, m.call_id, u.provider, u.resource_type AS role, sum(u.cost) AS cost,
           sum(u.price) AS price,
           CASE WHEN bool_or(u.entry = 'adjustment' AND u.cost IS NOT NULL) THEN 0
                ELSE count(*) FILTER (WHERE u.cost IS NULL) END AS unpriced
    FROM made m
    JOIN usage_records u ON u.call_id = m.call_id AND u.workspace_id = m.workspace_id
         AND u.at >= m.created_at - interval '40 days' AND u.at <= m.created_at + interval '40 days'
    GROUP BY 1, 2, 3, 4, 5, u.model, u.unit
),
costs AS MATERIALIZED (
    SELECT workspace_id, day, call_id, provider, coalesce(sum(cost), 0) AS cost, coalesce(sum(price), 0) AS price,
           sum(unpriced) AS unpriced
    FROM kinds GROUP BY 1, 2, 3, 4
),
whole AS (
    SELECT call_id, sum(price) AS price, sum(greatest(cost, 0)) FILTER (WHERE provider <> '') AS cost
    FROM costs GROUP BY 1
),
shares AS (
    SELECT k.workspace_id, k.day, k.provider, sum(k.cost) AS cost,
           coalesce(sum(CASE WHEN w.cost > 0 THEN w.price * greatest(k.cost, 0) / w.cost END), 0) AS price,
           sum(k.unpriced) AS unpriced
    FROM costs k JOIN whole w USING (call_id) WHERE k.provider <> '' GROUP BY 1, 2, 3
),
failures AS (
    SELECT m.workspace_id, m.day, m.call_id, f.role, p.provider
    FROM made m
    CROSS JOIN jsonb_each(CASE WHEN jsonb_typeof(m.failed) = 'object' THEN m.failed END) AS f (role, names)
    CROSS JOIN jsonb_array_elements_text(f.names) AS p (provider)
),
seen AS MATERIALIZED (
    SELECT workspace_id, day, call_id, provider, role, bool_or(has_failed) AS has_failed
    FROM (
        SELECT workspace_id, day, call_id, provider, role, false AS has_failed FROM kinds WHERE provider <> ''
        UNION ALL SELECT workspace_id, day, call_id, provider, role, true FROM failures
    ) both_kinds
    GROUP BY 1, 2, 3, 4, 5
),
counts AS (
    SELECT s.workspace_id, s.day, s.provider, count(DISTINCT s.call_id) AS calls,
           count(DISTINCT s.call_id) FILTER (WHERE s.role <> 'telephony' AND m.failed IS NOT NULL) AS measured,
           count(DISTINCT s.call_id) FILTER (WHERE s.has_failed) AS failed_calls
    FROM seen s JOIN made m USING (call_id) WHERE NOT m.is_test GROUP BY 1, 2, 3
),
alone AS (
    SELECT call_id, role, min(provider) AS provider FROM seen GROUP BY 1, 2 HAVING count(*) = 1
),
buckets AS (
    SELECT m.workspace_id, m.day, a.provider, l.role, b.bucket, sum(b.turns::bigint) AS turns
    FROM made m
    CROSS JOIN jsonb_each(CASE WHEN jsonb_typeof(m.latency) = 'object' THEN m.latency END) AS l (role, buckets)
    CROSS JOIN jsonb_each_text(l.buckets) AS b (bucket, turns)
    JOIN alone a ON a.call_id = m.call_id AND a.role = l.role
    WHERE NOT m.is_test GROUP BY 1, 2, 3, 4, 5
),
histograms AS (
    SELECT workspace_id, day, provider, jsonb_object_agg(role, turns) AS latency
    FROM (
        SELECT workspace_id, day, provider, role, jsonb_object_agg(bucket, turns) AS turns
        FROM buckets GROUP BY 1, 2, 3, 4
    ) roles
    GROUP BY 1, 2, 3
)
INSERT INTO provider_daily (workspace_id, day, provider, calls, measured, failed_calls, cost, price, unpriced, latency)
SELECT workspace_id, day, provider, coalesce(c.calls, 0), coalesce(c.measured, 0), coalesce(c.failed_calls, 0),
       coalesce(s.cost, 0), coalesce(s.price, 0), coalesce(s.unpriced, 0), coalesce(h.latency, '{}')
FROM counts c
FULL JOIN shares s USING (workspace_id, day, provider)
LEFT JOIN histograms h USING (workspace_id, day, provider)
"""


async def make_provider_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """provider_daily of these days."""
    await db.execute(
        """
        DELETE FROM provider_daily d USING unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        WHERE d.workspace_id = asked.workspace_id AND d.day = asked.day
        """,
        workspaces,
        days,
    )
    await db.execute(_PROVIDER_DAYS, workspaces, days)
