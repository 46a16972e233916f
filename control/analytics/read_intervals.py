"""Read model: writes the roll-ups by quarter of an hour from the calls and usage records of other rooms.

Statements over `$1`, `$2` take workspaces and days (UTC) as two arrays of one length.
"""

from collections.abc import Sequence
from datetime import date
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_DAYS: Final = """
    SELECT workspace_id, day::timestamp AT TIME ZONE 'UTC' AS since, (day + 1)::timestamp AT TIME ZONE 'UTC' AS until
    FROM unnest($1::uuid[], $2::date[]) AS asked (workspace_id, day)
"""
_CALLS: Final = f"""
WITH batch AS MATERIALIZED ({_DAYS})
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
# Rows that closed a period: accruals hold the same amounts by day.
_CLOSING: Final = """
    u.resource_type IN ('subscription', 'included_minutes', 'trial', 'phone_number') AND EXISTS (
        SELECT FROM billing_periods p WHERE p.workspace_id = u.workspace_id AND p.period_start <= u.at
        AND p.period_end > u.at)
"""
# Only what customers pay. An adjusting row with a price was computed from the call's whole, and settles the rows of its
# kind, which have its time.
_USAGE: Final = f"""
WITH batch AS MATERIALIZED ({_DAYS}),
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
    """call_intervals of these days; a quarter of an hour without calls has no row."""
    await _clear(db, "call_intervals", workspaces, days)
    await db.execute(_CALLS, workspaces, days)


async def make_usage_intervals(db: Connection, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    """usage_intervals of these days."""
    await _clear(db, "usage_intervals", workspaces, days)
    await db.execute(_USAGE, workspaces, days)


async def _clear(db: Connection, table: str, workspaces: Sequence[UUID], days: Sequence[date]) -> None:
    await db.execute(
        f"""
        DELETE FROM {table} d USING ({_DAYS}) AS asked
        WHERE d.workspace_id = asked.workspace_id AND d.began >= asked.since AND d.began < asked.until
        """,
        workspaces,
        days,
    )
