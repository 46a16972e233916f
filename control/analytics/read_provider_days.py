"""Read model: writes the providers' daily roll-ups from the calls and usage records of other rooms."""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.model import CURRENCY

# $1, $2: workspaces and days (UTC), arrays of one length. All figures are of the calls created on the day, so that a
# call at midnight counts once. Usage is dated at most 40 days from its call (event_batch.FURTHEST).
#   made      the calls; share: the part of their list price that is billed, after included and trial minutes
#   kinds     a call's usage of one kind; an adjusting row of known cost settles the rows before it
#   seen      the roles in which a provider was used, or failed; choices: of how many providers of the call
#   shares    a call's cost of each provider, and that share of the call's price: never more than the whole of it,
#             whatever corrections there are; in the end converted to the platform's currency, $3, by the rate that held
#             when the day began
#   parts     sums, and turns of calls with one provider in the role, whose latency the turns' is
# Looked up call by call and never joined with itself: the planner takes these tables for short, and would compare each
# row with each. IS NOT DISTINCT FROM keeps it from the index by workspace and time, by which it would read the
# workspace's 80 days of records for each call (5 s instead of 0.1 s for 2,000 calls).
_PROVIDER_DAYS: Final = """
WITH batch AS MATERIALIZED (
    SELECT workspace_id, day, day::timestamp AT TIME ZONE 'UTC' AS since,
           (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
),
made AS MATERIALIZED (
    SELECT b.workspace_id, b.day, c.id AS call_id, c.created_at, c.is_test,
           billed_share(c.workspace_id, c.created_at) AS share,
           CASE WHEN jsonb_typeof(c.details -> 'failed_providers') = 'object' THEN c.details -> 'failed_providers' END
               AS failed,
           CASE WHEN jsonb_typeof(c.details -> 'latency') = 'object' THEN c.details -> 'latency' END AS latency
    FROM batch b
    JOIN calls c ON c.workspace_id = b.workspace_id AND c.created_at >= b.since AND c.created_at < b.until
),
facts AS (
    SELECT m.workspace_id, m.day, m.call_id, m.is_test, m.failed IS NOT NULL AS is_known, m.latency -> k.role AS turns,
           k.provider, k.role, k.cost, k.price * m.share AS price, k.unpriced, false AS has_failed
    FROM made m
    CROSS JOIN LATERAL (
        SELECT u.provider, u.resource_type AS role, sum(u.cost) AS cost, sum(u.price) AS price,
               CASE WHEN bool_or(u.entry = 'adjustment' AND u.cost IS NOT NULL) THEN 0
                    ELSE count(*) FILTER (WHERE u.cost IS NULL) END AS unpriced
        FROM usage_records u
        WHERE u.call_id = m.call_id AND u.workspace_id IS NOT DISTINCT FROM m.workspace_id
              AND u.at >= m.created_at - interval '40 days' AND u.at <= m.created_at + interval '40 days'
        GROUP BY u.provider, u.resource_type, u.model, u.unit
    ) k
    UNION ALL
    SELECT m.workspace_id, m.day, m.call_id, m.is_test, true, m.latency -> f.role, p.provider, f.role, 0, 0, 0, true
    FROM made m
    CROSS JOIN jsonb_each(m.failed) AS f (role, names)
    CROSS JOIN jsonb_array_elements_text(f.names) AS p (provider)
    WHERE NOT m.is_test
),
seen AS MATERIALIZED (
    SELECT workspace_id, day, call_id, is_test, is_known, provider, role, turns, coalesce(sum(cost), 0) AS cost,
           coalesce(sum(price), 0) AS price, sum(unpriced) AS unpriced, bool_or(has_failed) AS has_failed,
           count(*) FILTER (WHERE provider <> '') OVER (PARTITION BY call_id, role) AS choices
    FROM facts GROUP BY workspace_id, day, call_id, is_test, is_known, provider, role, turns
),
shares AS (
    SELECT workspace_id, day, provider, NOT is_test AS counts, is_known AND bool_or(role <> 'telephony') AS is_measured,
           bool_or(has_failed) AS has_failed, sum(cost) AS cost, sum(unpriced) AS unpriced,
           sum(sum(price)) OVER (PARTITION BY call_id) AS whole_price,
           sum(CASE WHEN provider <> '' THEN greatest(sum(cost), 0) END) OVER (PARTITION BY call_id) AS whole_cost
    FROM seen GROUP BY workspace_id, day, call_id, is_test, is_known, provider
),
parts AS (
    SELECT workspace_id, day, provider, NULL AS role, NULL::jsonb AS turns, count(*) FILTER (WHERE counts) AS calls,
           count(*) FILTER (WHERE counts AND is_measured) AS measured,
           count(*) FILTER (WHERE counts AND has_failed) AS failed_calls, sum(cost) AS cost,
           coalesce(sum(CASE WHEN whole_cost > 0 THEN whole_price * greatest(cost, 0) / whole_cost END), 0) AS price,
           sum(unpriced) AS unpriced
    FROM shares WHERE provider <> '' GROUP BY 1, 2, 3
    UNION ALL
    SELECT workspace_id, day, provider, role, jsonb_object_agg(bucket, turns), 0, 0, 0, 0, 0, 0
    FROM (
        SELECT s.workspace_id, s.day, s.provider, s.role, b.bucket, sum(b.turns::bigint) AS turns
        FROM seen s CROSS JOIN jsonb_each_text(s.turns) AS b (bucket, turns)
        WHERE s.choices = 1 AND s.provider <> '' AND NOT s.is_test GROUP BY 1, 2, 3, 4, 5
    ) buckets
    GROUP BY 1, 2, 3, 4
)
INSERT INTO provider_daily (workspace_id, day, provider, calls, measured, failed_calls, cost, revenue, unpriced,
                            latency)
SELECT p.workspace_id, p.day, p.provider, sum(p.calls), sum(p.measured), sum(p.failed_calls), sum(p.cost),
       CASE WHEN coalesce(a.currency, $3) = $3 THEN sum(p.price)
            ELSE round(sum(p.price) * usd_rate(a.currency, p.day::timestamp AT TIME ZONE 'UTC'), 9) END,
       sum(p.unpriced), coalesce(jsonb_object_agg(p.role, p.turns) FILTER (WHERE p.role IS NOT NULL), '{}')
FROM parts p LEFT JOIN billing_accounts a ON a.workspace_id = p.workspace_id GROUP BY 1, 2, 3, a.currency
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
    await db.execute(_PROVIDER_DAYS, workspaces, days, CURRENCY)
