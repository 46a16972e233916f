"""Read model: writes the daily roll-ups from the calls, usage records and workspaces of other rooms.

Statements over `$1`, `$2` take workspaces and days as two arrays of one length.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.model import CURRENCY

_BATCH: Final = """
batch AS MATERIALIZED (
    SELECT workspace_id, day, day::timestamp AT TIME ZONE 'UTC' AS since,
           (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
)
"""

# Rows that closed a period which has accruals: these hold the same amounts by day. `u` is a row of the ledger.
_CLOSED: Final = """
    u.resource_type IN ('subscription', 'included_minutes', 'trial', 'phone_number') AND EXISTS (
        SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
        AND p.period_end > u.at AND p.accrued_until IS NOT NULL)
"""
# The money of a day: the rows of `ledger` and the accruals. Prices are in the workspace's currency; revenue is in the
# platform's ($3), by the rate that held when the day began. Credits pay for revenue and are no part of it.
_MONEY: Final = f"""
charged AS (
    SELECT workspace_id, day, resource_type, price, cost FROM ledger u WHERE NOT ({_CLOSED})
    UNION ALL
    SELECT b.workspace_id, b.day, a.resource_type, a.price, a.cost
    FROM batch b JOIN accruals a ON a.workspace_id = b.workspace_id AND a.at >= b.since AND a.at < b.until
),
resources AS (
    SELECT c.workspace_id, c.day, c.resource_type, coalesce(sum(c.price), 0) AS price, coalesce(sum(c.cost), 0) AS cost,
           CASE WHEN coalesce(a.currency, $3) = $3 THEN 1
                ELSE usd_rate(a.currency, c.day::timestamp AT TIME ZONE 'UTC') END AS rate
    FROM charged c LEFT JOIN billing_accounts a ON a.workspace_id = c.workspace_id GROUP BY 1, 2, 3, a.currency
),
money AS (
    SELECT workspace_id, day, coalesce(sum(price) FILTER (WHERE resource_type <> 'credit'), 0) AS price,
           sum(cost) AS cost,
           round(coalesce(sum(price) FILTER (WHERE resource_type <> 'credit'), 0) * max(rate), 9) AS revenue,
           coalesce(jsonb_object_agg(resource_type, round(price * rate, 9)) FILTER (WHERE price <> 0), '{{}}')
               AS by_resource
    FROM resources GROUP BY 1, 2
)
"""
# Unknown costs and prices count as 0 in sums; usage_daily.unpriced says how many there are. An adjusting row whose cost
# and price are known was computed from the call's whole, and settles the rows of its kind. charged_quantity: without
# what customers never pay, such as test calls, whose rows have the price 0 by no price version.
# by_…: one JSON object per day from rows (workspace_id, day, what, key, calls).
_WORKSPACE_DAYS: Final = f"""
WITH {_BATCH},
counted AS MATERIALIZED (
    SELECT b.workspace_id, b.day, c.status, c.direction, c.carrier,
           extract(hour FROM c.created_at AT TIME ZONE 'UTC')::integer AS hour,
           count(*) AS calls, sum(c.duration_seconds) AS seconds
    FROM batch b
    JOIN calls c ON c.workspace_id = b.workspace_id AND c.created_at >= b.since AND c.created_at < b.until
    WHERE NOT c.is_test
    GROUP BY 1, 2, 3, 4, 5, 6
),
ledger AS MATERIALIZED (
    SELECT b.workspace_id, b.day, u.at, u.resource_type, u.provider, u.call_id, u.price, u.cost
    FROM batch b
    JOIN usage_records u ON u.workspace_id = b.workspace_id AND u.at >= b.since AND u.at < b.until
),
{_MONEY},
sums AS (
    SELECT workspace_id, day, sum(calls) AS calls, sum(seconds) AS seconds FROM counted GROUP BY 1, 2
),
parts AS (
    SELECT workspace_id, day, 'status' AS what, status AS key, sum(calls) AS calls FROM counted GROUP BY 1, 2, 4
    UNION ALL SELECT workspace_id, day, 'direction', direction, sum(calls) FROM counted GROUP BY 1, 2, 4
    UNION ALL SELECT workspace_id, day, 'carrier', carrier, sum(calls) FROM counted GROUP BY 1, 2, 4
    UNION ALL SELECT l.workspace_id, l.day, 'provider', l.provider, count(DISTINCT l.call_id)
        FROM ledger l LEFT JOIN calls c ON c.id = l.call_id
        WHERE l.resource_type IN ('stt', 'llm', 'tts') AND l.provider <> '' AND l.call_id IS NOT NULL
          AND c.is_test IS NOT TRUE GROUP BY 1, 2, 4
),
tallies AS (
    SELECT workspace_id, day,
           jsonb_object_agg(key, calls) FILTER (WHERE what = 'status') AS by_status,
           jsonb_object_agg(key, calls) FILTER (WHERE what = 'direction') AS by_direction,
           jsonb_object_agg(key, calls) FILTER (WHERE what = 'carrier') AS by_carrier,
           jsonb_object_agg(key, calls) FILTER (WHERE what = 'provider') AS by_provider
    FROM parts GROUP BY 1, 2
),
hours AS (
    SELECT workspace_id, day, array_agg(calls ORDER BY hour) AS by_hour
    FROM (
        SELECT s.workspace_id, s.day, h.hour, coalesce(sum(c.calls), 0)::integer AS calls
        FROM sums s
        CROSS JOIN generate_series(0, 23) AS h (hour)
        LEFT JOIN counted c ON c.workspace_id = s.workspace_id AND c.day = s.day AND c.hour = h.hour
        GROUP BY 1, 2, 3
    ) one
    GROUP BY 1, 2
)
INSERT INTO workspace_daily (workspace_id, day, calls, seconds, price, revenue, cost, revenue_by_resource, by_status,
                             by_direction, by_carrier, by_provider, by_hour)
SELECT workspace_id, day, coalesce(s.calls, 0), coalesce(s.seconds, 0), coalesce(m.price, 0), coalesce(m.revenue, 0),
       coalesce(m.cost, 0), coalesce(m.by_resource, '{{}}'),
       coalesce(t.by_status, '{{}}'), coalesce(t.by_direction, '{{}}'), coalesce(t.by_carrier, '{{}}'),
       coalesce(t.by_provider, '{{}}'), coalesce(h.by_hour, array_fill(0, ARRAY[24]))
FROM sums s
FULL JOIN money m USING (workspace_id, day)
LEFT JOIN tallies t USING (workspace_id, day)
LEFT JOIN hours h USING (workspace_id, day)
"""

# Of days whose accruals changed, and of workspaces whose calls are deleted: what was counted of the calls stays.
_LATE_MONEY: Final = f"""
WITH {_BATCH},
ledger AS MATERIALIZED (
    SELECT b.workspace_id, b.day, u.at, u.resource_type, u.price, u.cost
    FROM batch b
    JOIN usage_records u ON u.workspace_id = b.workspace_id AND u.at >= b.since AND u.at < b.until
),
{_MONEY}
INSERT INTO workspace_daily (workspace_id, day, calls, seconds, price, revenue, cost, revenue_by_resource, by_status,
                             by_direction, by_carrier, by_provider, by_hour)
SELECT b.workspace_id, b.day, 0, 0, coalesce(price, 0), coalesce(revenue, 0), coalesce(cost, 0),
       coalesce(by_resource, '{{}}'), '{{}}', '{{}}', '{{}}', '{{}}', array_fill(0, ARRAY[24])
FROM batch b LEFT JOIN money m ON m.workspace_id = b.workspace_id AND m.day = b.day
WHERE m.workspace_id IS NOT NULL
   OR EXISTS (SELECT FROM workspace_daily d WHERE d.workspace_id = b.workspace_id AND d.day = b.day)
ON CONFLICT (workspace_id, day) DO UPDATE
SET price = EXCLUDED.price, revenue = EXCLUDED.revenue, cost = EXCLUDED.cost,
    revenue_by_resource = EXCLUDED.revenue_by_resource
"""

_AGENT_DAYS: Final = f"""
WITH {_BATCH}
INSERT INTO agent_daily (workspace_id, agent_id, day, calls, completed, seconds)
SELECT b.workspace_id, c.agent_id, b.day, count(*), count(*) FILTER (WHERE c.status = 'completed'),
       sum(c.duration_seconds)
FROM batch b
JOIN calls c ON c.workspace_id = b.workspace_id AND c.created_at >= b.since AND c.created_at < b.until
WHERE NOT c.is_test AND c.agent_id IS NOT NULL
GROUP BY 1, 2, 3
"""

_USAGE_DAYS: Final = f"""
WITH {_BATCH},
per_call AS (
    SELECT b.workspace_id, b.day, u.resource_type, u.provider, u.call_id, sum(u.quantity) AS quantity,
           sum(u.cost) AS cost, sum(u.price) AS price,
           sum(u.quantity) FILTER (WHERE u.price IS NULL OR u.price_version IS NOT NULL OR u.price <> 0) AS charged,
           CASE WHEN bool_or(u.entry = 'adjustment' AND u.call_id IS NOT NULL AND u.cost IS NOT NULL
                             AND u.price IS NOT NULL) THEN 0
                ELSE count(*) FILTER (WHERE u.cost IS NULL OR u.price IS NULL) END AS unpriced
    FROM batch b
    JOIN usage_records u ON u.workspace_id = b.workspace_id AND u.at >= b.since AND u.at < b.until
    GROUP BY b.workspace_id, b.day, u.resource_type, u.provider, u.call_id, u.model, u.unit
)
INSERT INTO usage_daily (workspace_id, day, resource_type, provider, quantity, calls, cost, price, unpriced,
                         charged_quantity)
SELECT workspace_id, day, resource_type, provider, sum(quantity), count(DISTINCT call_id), coalesce(sum(cost), 0),
       coalesce(sum(price), 0), sum(unpriced), coalesce(sum(charged), 0)
FROM per_call GROUP BY 1, 2, 3, 4
"""

# A day without revenue was written by a program that knew only the platform's currency.
_PLATFORM_DAYS: Final = """
WITH daily AS MATERIALIZED (
    SELECT d.day, d.calls, d.seconds, d.cost, d.by_status, d.by_direction, d.by_carrier, d.by_provider, d.by_hour,
           d.revenue_by_resource, coalesce(d.revenue, d.price) AS price, coalesce(w.tier_name, 'none') AS tier_name
    FROM workspace_daily d LEFT JOIN workspaces w ON w.id = d.workspace_id
    WHERE d.day = ANY ($1::date[])
),
parts AS (
    SELECT day, what, key, sum(value) AS value
    FROM (
        SELECT day, 'status' AS what, key, value::numeric FROM daily, jsonb_each(by_status)
        UNION ALL SELECT day, 'direction', key, value::numeric FROM daily, jsonb_each(by_direction)
        UNION ALL SELECT day, 'carrier', key, value::numeric FROM daily, jsonb_each(by_carrier)
        UNION ALL SELECT day, 'provider', key, value::numeric FROM daily, jsonb_each(by_provider)
        UNION ALL SELECT day, 'tier', tier_name, price FROM daily
        UNION ALL SELECT day, 'resource', key, value::numeric FROM daily, jsonb_each(revenue_by_resource)
    ) one
    GROUP BY 1, 2, 3
),
tallies AS (
    SELECT day,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'status') AS by_status,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'direction') AS by_direction,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'carrier') AS by_carrier,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'provider') AS by_provider,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'tier') AS price_by_tier,
           jsonb_object_agg(key, value) FILTER (WHERE what = 'resource') AS by_resource
    FROM parts GROUP BY 1
),
hours AS (
    SELECT day, array_agg(calls ORDER BY hour) AS by_hour
    FROM (
        SELECT day, hour, sum(h.calls)::integer AS calls
        FROM daily, unnest(daily.by_hour) WITH ORDINALITY AS h (calls, hour)
        GROUP BY 1, 2
    ) one
    GROUP BY 1
),
sums AS (
    SELECT day, sum(calls) AS calls, sum(seconds) AS seconds, sum(price) AS price, sum(cost) AS cost
    FROM daily GROUP BY 1
)
INSERT INTO platform_daily (day, calls, seconds, price, cost, by_status, by_direction, by_carrier, by_provider,
                            price_by_tier, revenue_by_resource, by_hour)
SELECT day, calls, seconds, price, cost, coalesce(by_status, '{}'), coalesce(by_direction, '{}'),
       coalesce(by_carrier, '{}'), coalesce(by_provider, '{}'), price_by_tier, coalesce(by_resource, '{}'), by_hour
FROM sums JOIN tallies USING (day) JOIN hours USING (day)
"""


async def insert_all_marks(db: Connection, first: date = date.min, last: date = date.max) -> int:
    """Marks every day from `first` to `last` that has calls, usage or accruals; returns how many days are marked.
    Days of workspaces that are purged, or about to be, are not marked: only their figures are left."""
    status = await db.execute(
        """
        WITH span AS (
            SELECT $1::date::timestamp AT TIME ZONE 'UTC' AS since,
                   ($2::date + 1)::timestamp AT TIME ZONE 'UTC' AS until
        )
        INSERT INTO rollup_dirty (workspace_id, day)
        SELECT found.workspace_id, found.day
        FROM (
            SELECT workspace_id, (created_at AT TIME ZONE 'UTC')::date AS day FROM calls, span
            WHERE created_at >= span.since AND created_at < span.until
            UNION SELECT workspace_id, (at AT TIME ZONE 'UTC')::date FROM usage_records, span
            WHERE at >= span.since AND at < span.until
            UNION SELECT workspace_id, (at AT TIME ZONE 'UTC')::date FROM accruals, span
            WHERE at >= span.since AND at < span.until
        ) found
        JOIN workspaces w ON w.id = found.workspace_id AND (w.purge_after IS NULL OR w.purge_after > now())
        -- A batch of marks then shares few days, each of which is added up over all workspaces.
        ORDER BY 2, 1
        """,
        first,
        last,
    )
    return int(status.split()[-1])


async def count_days_without_rows(db: Connection, first: date, last: date) -> int:
    """Days of workspaces that have figures, and no longer calls, usage or accruals; not those of purged workspaces."""
    count: int = await db.fetchval(
        """
        SELECT count(*) FROM workspace_daily d
        JOIN workspaces w ON w.id = d.workspace_id AND (w.purge_after IS NULL OR w.purge_after > now())
        CROSS JOIN LATERAL (SELECT d.day::timestamp AT TIME ZONE 'UTC' AS since,
                                   (d.day + 1)::timestamp AT TIME ZONE 'UTC' AS until) span
        WHERE d.day BETWEEN $1 AND $2
          AND NOT EXISTS (SELECT FROM calls c WHERE c.workspace_id = d.workspace_id
                          AND c.created_at >= span.since AND c.created_at < span.until)
          AND NOT EXISTS (SELECT FROM usage_records u WHERE u.workspace_id = d.workspace_id
                          AND u.at >= span.since AND u.at < span.until)
          AND NOT EXISTS (SELECT FROM accruals a WHERE a.workspace_id = d.workspace_id
                          AND a.at >= span.since AND a.at < span.until)
        """,
        first,
        last,
    )
    return count


async def make_workspace_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """workspace_daily of these days; a day without calls and usage has no row."""
    await _clear(db, "workspace_daily", workspaces, days)
    await db.execute(_WORKSPACE_DAYS, workspaces, days, CURRENCY)


async def make_late_money(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Price and cost of these days in workspace_daily; what was counted of calls stays."""
    await db.execute(_LATE_MONEY, workspaces, days, CURRENCY)


async def select_purged(db: Connection, workspaces: Sequence[UUID]) -> set[UUID]:
    """Those whose calls are deleted, or may be within minutes."""
    rows = await db.fetch(
        """
        SELECT asked.id FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN workspaces w ON w.id = asked.id
        WHERE w.id IS NULL OR w.purge_after <= now() + interval '10 minutes'
        """,
        workspaces,
    )
    return {row["id"] for row in rows}


async def make_agent_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """agent_daily of these days."""
    await _clear(db, "agent_daily", workspaces, days)
    await db.execute(_AGENT_DAYS, workspaces, days)


async def make_usage_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """usage_daily of these days: every usage record, also those of test calls."""
    await _clear(db, "usage_daily", workspaces, days)
    await db.execute(_USAGE_DAYS, workspaces, days)


async def make_platform_days(db: Connection, days: Sequence[date]) -> None:
    """platform_daily of these days, from all workspaces' days; money in the platform's currency."""
    await db.execute("DELETE FROM platform_daily WHERE day = ANY ($1::date[])", days)
    await db.execute(_PLATFORM_DAYS, days)


async def _clear(db: Connection, table: str, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    await db.execute(
        f"""
        DELETE FROM {table} d USING unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        WHERE d.workspace_id = asked.workspace_id AND d.day = asked.day
        """,
        workspaces,
        days,
    )
