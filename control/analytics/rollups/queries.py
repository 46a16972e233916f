"""SQL that marks days and computes the roll-ups from calls, usage records and workspaces.

In statements with `$1` and `$2`, these are workspaces and days (UTC) as two arrays of the same length.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.platform.rules import CURRENCY

# -- Marks, locks and totals --


async def insert_marks(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Mark days. Each mark is a separate row, so that no transaction waits for another.

    A mark becomes visible to workers together with the rows that its transaction wrote.
    """
    await db.execute(
        """
        INSERT INTO rollup_dirty (workspace_id, day)
        SELECT workspace_id, day FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        """,
        workspaces,
        days,
    )


async def delete_marks(db: Connection, most: int) -> list[tuple[UUID, date]]:
    """Delete the `most` oldest marks that no other worker has locked, and all other marks of the same days.

    Returns the days in order. Another worker with marks of the same days waits in `lock_days`.
    """
    rows = await db.fetch(
        """
        WITH oldest AS (
            SELECT id, workspace_id, day FROM rollup_dirty ORDER BY id LIMIT $1 FOR UPDATE SKIP LOCKED
        ), same AS (
            SELECT id FROM rollup_dirty WHERE (workspace_id, day) IN (SELECT workspace_id, day FROM oldest)
            FOR UPDATE SKIP LOCKED
        ), gone AS (
            DELETE FROM rollup_dirty WHERE id IN (SELECT id FROM oldest UNION ALL SELECT id FROM same)
            RETURNING workspace_id, day
        )
        SELECT DISTINCT workspace_id, day FROM gone ORDER BY 1, 2
        """,
        most,
    )
    return [(row["workspace_id"], row["day"]) for row in rows]


async def lock_workspaces(db: Connection, workspaces: Sequence[UUID]) -> None:
    """Lock the accruals of these workspaces until the transaction ends, in the same order in all workers."""
    await db.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended('accruals ' || id, 0) AS key FROM unnest($1::uuid[]) AS asked (id)
            ORDER BY 1 OFFSET 0
        ) keys
        """,
        workspaces,
    )


async def lock_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Lock these days until the transaction ends, in the same order in all workers."""
    await db.execute(
        """
        SELECT pg_advisory_xact_lock(key) FROM (
            SELECT DISTINCT hashtextextended('rollup ' || workspace_id || ' ' || day, 0) AS key
            FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day) ORDER BY 1 OFFSET 0
        ) keys
        """,
        workspaces,
        days,
    )


async def lock_sums(db: Connection) -> None:
    """Serialize the computation of sums, because each must include the days that other workers have computed."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtext('rollup_sums'))")


async def make_totals(db: Connection, workspaces: Sequence[UUID]) -> None:
    """Compute workspace_totals and agent_totals of these workspaces from their days."""
    await db.execute(
        """
        INSERT INTO workspace_totals (workspace_id, calls, seconds, price, revenue, cost)
        SELECT asked.id, coalesce(sum(d.calls), 0), coalesce(sum(d.seconds), 0), coalesce(sum(d.price), 0),
               coalesce(sum(coalesce(d.revenue, d.price)), 0), coalesce(sum(d.cost), 0)
        FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN workspace_daily d ON d.workspace_id = asked.id
        GROUP BY 1
        ON CONFLICT (workspace_id) DO UPDATE
        SET calls = EXCLUDED.calls, seconds = EXCLUDED.seconds, price = EXCLUDED.price, revenue = EXCLUDED.revenue,
            cost = EXCLUDED.cost, updated_at = now()
        """,
        workspaces,
    )
    await db.execute("DELETE FROM agent_totals WHERE workspace_id = ANY ($1::uuid[])", workspaces)
    await db.execute(
        """
        INSERT INTO agent_totals (agent_id, workspace_id, calls, completed, seconds)
        SELECT agent_id, workspace_id, sum(calls), sum(completed), sum(seconds)
        FROM agent_daily WHERE workspace_id = ANY ($1::uuid[])
        GROUP BY 1, 2
        """,
        workspaces,
    )


async def delete_workspace_marks(db: Connection, workspace_id: UUID) -> None:
    """Delete all marks of a workspace."""
    await db.execute("DELETE FROM rollup_dirty WHERE workspace_id = $1", workspace_id)


# -- Days of workspaces, agents, resources and the platform --

_BATCH: Final = """
batch AS MATERIALIZED (
    SELECT workspace_id, day, day::timestamp AT TIME ZONE 'UTC' AS since,
           (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
)
"""

# Matches ledger rows `u` that were added for an invoice line when a period was closed, except credits. Accruals contain
# the same amounts by day.
_OF_LINE: Final = "u.details ? 'line' AND u.resource_type <> 'credit'"
_PERIOD: Final = """
    SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
    AND p.period_end > u.at
"""
_CLOSING: Final = f"{_OF_LINE} AND EXISTS ({_PERIOD})"
# Periods that were closed before accruals existed have no accruals, so their rows count.
_CLOSED: Final = f"{_OF_LINE} AND EXISTS ({_PERIOD} AND p.accrued_until IS NOT NULL)"
# Money of a day: the rows of `ledger` and the accruals. Prices are in the workspace's currency. Revenue is in the
# platform's currency ($3), at the exchange rate of the start of the day. Credits pay for revenue and are not part of
# it.
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
# Unknown costs and prices count as 0 in sums; usage_daily.unpriced has their number. An adjusting row with known cost
# and price was computed from the whole call and settles all rows of its kind. charged_quantity excludes what customers
# never pay, such as test calls, whose rows have price 0 and no price version. by_…: a JSON object per day built from
# rows (workspace_id, day, what, key, calls).
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
    SELECT b.workspace_id, b.day, u.at, u.resource_type, u.provider, u.call_id, u.price, u.cost, u.details
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

# For days whose accruals changed, and for workspaces whose calls are deleted: the figures counted from calls are kept.
_LATE_MONEY: Final = f"""
WITH {_BATCH},
ledger AS MATERIALIZED (
    SELECT b.workspace_id, b.day, u.at, u.resource_type, u.price, u.cost, u.details
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

# A day without revenue was written by a release that supported only the platform's currency.
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
    """Mark each day from `first` to `last` that has calls, usage or accruals. Return the number of marked days.

    Days of workspaces that are purged, or about to be purged, are not marked, because only their figures are left.
    """
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
    """Return the number of days that have figures but no calls, usage or accruals. Purged workspaces are left out."""
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
    """Compute workspace_daily of these days. A day without calls and usage has no row."""
    await _clear_days(db, "workspace_daily", workspaces, days)
    await db.execute(_WORKSPACE_DAYS, workspaces, days, CURRENCY)


async def make_late_money(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Update price and cost of these days in workspace_daily. Figures counted from calls are kept."""
    await db.execute(_LATE_MONEY, workspaces, days, CURRENCY)


async def select_purged(db: Connection, workspaces: Sequence[UUID]) -> set[UUID]:
    """Return the workspaces whose calls are deleted, or may be deleted within minutes."""
    rows = await db.fetch(
        """
        SELECT asked.id FROM unnest($1::uuid[]) AS asked (id) LEFT JOIN workspaces w ON w.id = asked.id
        WHERE w.id IS NULL OR w.purge_after <= now() + interval '10 minutes'
        """,
        workspaces,
    )
    return {row["id"] for row in rows}


async def make_agent_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Compute agent_daily of these days."""
    await _clear_days(db, "agent_daily", workspaces, days)
    await db.execute(_AGENT_DAYS, workspaces, days)


async def make_usage_days(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Compute usage_daily of these days from all usage records, including those of test calls."""
    await _clear_days(db, "usage_daily", workspaces, days)
    await db.execute(_USAGE_DAYS, workspaces, days)


async def make_platform_days(db: Connection, days: Sequence[date]) -> None:
    """Compute platform_daily of these days from all workspaces' days, in the platform's currency."""
    await db.execute("DELETE FROM platform_daily WHERE day = ANY ($1::date[])", days)
    await db.execute(_PLATFORM_DAYS, days)


async def _clear_days(db: Connection, table: str, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    await db.execute(
        f"""
        DELETE FROM {table} d USING unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        WHERE d.workspace_id = asked.workspace_id AND d.day = asked.day
        """,
        workspaces,
        days,
    )


# -- Quarters of an hour --

_INTERVAL_DAYS: Final = """
    SELECT workspace_id, day::timestamp AT TIME ZONE 'UTC' AS since, (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
"""
_CALL_INTERVALS: Final = f"""
WITH batch AS MATERIALIZED ({_INTERVAL_DAYS})
INSERT INTO call_intervals (workspace_id, began, agent_id, calls, seconds, inbound, queued, ringing, in_progress,
                            completed, failed, busy, no_answer, canceled, positive, neutral, negative, judged,
                            successful, scored, score_sum)
SELECT b.workspace_id, date_bin('15 minutes', c.created_at, TIMESTAMPTZ '2000-01-01 00:00:00+00'), c.agent_id,
       count(*), sum(c.duration_seconds), count(*) FILTER (WHERE c.direction = 'inbound'),
       count(*) FILTER (WHERE c.status = 'queued'), count(*) FILTER (WHERE c.status = 'ringing'),
       count(*) FILTER (WHERE c.status = 'in_progress'), count(*) FILTER (WHERE c.status = 'completed'),
       count(*) FILTER (WHERE c.status = 'failed'), count(*) FILTER (WHERE c.status = 'busy'),
       count(*) FILTER (WHERE c.status = 'no_answer'), count(*) FILTER (WHERE c.status = 'canceled'),
       count(*) FILTER (WHERE c.sentiment = 'positive'), count(*) FILTER (WHERE c.sentiment = 'neutral'),
       count(*) FILTER (WHERE c.sentiment = 'negative'), count(c.success), count(*) FILTER (WHERE c.success),
       count(c.sentiment_score), coalesce(sum(c.sentiment_score::numeric), 0)
FROM batch b
JOIN calls c ON c.workspace_id = b.workspace_id AND c.created_at >= b.since AND c.created_at < b.until
WHERE NOT c.is_test
GROUP BY 1, 2, 3
"""
# Contains only what customers pay. An adjusting row with a price was computed from the whole call and settles the rows
# of its kind, which have the same time.
_USAGE_INTERVALS: Final = f"""
WITH batch AS MATERIALIZED ({_INTERVAL_DAYS}),
per_call AS (
    SELECT b.workspace_id, date_bin('15 minutes', u.at, TIMESTAMPTZ '2000-01-01 00:00:00+00') AS began,
           u.resource_type, u.call_id, sum(u.quantity) AS quantity, sum(u.price) AS price,
           CASE WHEN bool_or(u.entry = 'adjustment' AND u.call_id IS NOT NULL AND u.price IS NOT NULL) THEN 0
                ELSE count(*) FILTER (WHERE u.price IS NULL) END AS unpriced
    FROM batch b
    JOIN usage_records u ON u.workspace_id = b.workspace_id AND u.at >= b.since AND u.at < b.until
    WHERE (u.price IS NULL OR u.price_version IS NOT NULL OR u.price <> 0) AND NOT ({_CLOSING})
    GROUP BY b.workspace_id, 2, u.resource_type, u.call_id, u.provider, u.model, u.unit
)
INSERT INTO usage_intervals (workspace_id, began, resource_type, quantity, price, unpriced)
SELECT workspace_id, began, resource_type, sum(quantity), coalesce(sum(price), 0), sum(unpriced)
FROM per_call GROUP BY 1, 2, 3
"""


async def make_call_intervals(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Compute call_intervals of these days. A quarter of an hour without calls has no row."""
    await _clear_intervals(db, "call_intervals", workspaces, days)
    await db.execute(_CALL_INTERVALS, workspaces, days)


async def make_usage_intervals(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """Compute usage_intervals of these days."""
    await _clear_intervals(db, "usage_intervals", workspaces, days)
    await db.execute(_USAGE_INTERVALS, workspaces, days)


async def _clear_intervals(db: Connection, table: str, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    await db.execute(
        f"""
        DELETE FROM {table} d USING ({_INTERVAL_DAYS}) AS asked
        WHERE d.workspace_id = asked.workspace_id AND d.began >= asked.since AND d.began < asked.until
        """,
        workspaces,
        days,
    )


# $1, $2: workspaces and days (UTC), arrays of the same length. All figures are of calls created on the day, so that a
# call at midnight counts once. Usage is dated at most 40 days from its call (FURTHEST of
# control/calls/events/service.py).
#   made      the calls; share: the part of their list price that is billed, after included and trial minutes
#   kinds     a call's usage of a kind; an adjusting row with a known cost settles the rows before it
#   seen      the roles in which a provider was used, or failed; choices: number of the call's providers
#   shares    a call's cost by provider, and the same share of the call's price, which never exceeds the price
#             regardless of corrections; converted to the platform's currency, $3, at the exchange rate
#             of the start of the day
#   parts     sums, and turns of calls with a single provider in the role, which caused the turns' latency
# Each call is looked up separately, without self-joins: the planner underestimates these tables and would compare each
# row with each other row. IS NOT DISTINCT FROM prevents use of the index by workspace and time, which would read the
# workspace's 80 days of records for each call (5 s instead of 0.1 s for 2,000 calls).
# Days of providers

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
    """Compute provider_daily of these days."""
    await db.execute(
        """
        DELETE FROM provider_daily d USING unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
        WHERE d.workspace_id = asked.workspace_id AND d.day = asked.day
        """,
        workspaces,
        days,
    )
    await db.execute(_PROVIDER_DAYS, workspaces, days, CURRENCY)


# $1: days. Sums of other roll-ups: months of workspaces, days of providers on the platform

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
    """Compute workspace_monthly of these workspaces and months. Months are given by their first days; both arrays have
    the same length.
    """
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
    """Compute platform_provider_daily of these days."""
    await db.execute("DELETE FROM platform_provider_daily WHERE day = ANY ($1::date[])", days)
    await db.execute(_PROVIDER_SUMS, days)
