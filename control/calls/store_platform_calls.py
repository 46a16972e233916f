"""SQL of what all workspaces together called lately. Needs platform scope, but for `select_platform_calls`."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class PlatformCalls:
    """Outbound calls of all workspaces, test calls and codes included. hour: those that began within an hour before the
    measurement, day: within 24 hours. Seconds are connected ones, including calls in progress."""

    hour_calls: int = 0
    hour_seconds: int = 0
    day_calls: int = 0
    day_seconds: int = 0


# The index calls_newest leads to the calls of a day. With 100,000 of them it takes about as long as 100 placements, so
# it is done by the worker and not by each of them.
_MEASURE: Final = """
    WITH recent AS (
        SELECT created_at > $1::timestamptz - interval '1 hour' AS is_new,
               CASE WHEN status = 'in_progress'
                      OR (end_reason = 'transferred' AND c.transfer_until::timestamptz > $1::timestamptz)
                    THEN greatest(0, extract(epoch FROM $1::timestamptz - coalesce(answered_at, created_at)))
                    ELSE duration_seconds END AS seconds
        FROM calls c WHERE created_at > $1::timestamptz - interval '1 day' AND direction = 'outbound'
    )
    INSERT INTO platform_calls (measured_at, hour_calls, hour_seconds, day_calls, day_seconds)
    SELECT $1, count(*) FILTER (WHERE is_new), coalesce(sum(seconds) FILTER (WHERE is_new), 0)::bigint,
           count(*), coalesce(sum(seconds), 0)::bigint
    FROM recent
    ON CONFLICT (id) DO UPDATE SET
        measured_at = excluded.measured_at, hour_calls = excluded.hour_calls, hour_seconds = excluded.hour_seconds,
        day_calls = excluded.day_calls, day_seconds = excluded.day_seconds
    RETURNING hour_calls, hour_seconds, day_calls, day_seconds
"""


async def measure_platform_calls(db: Connection, now: datetime) -> PlatformCalls:
    """Counts them and stores the result."""
    return PlatformCalls(**await db.fetchrow(_MEASURE, now))


async def select_platform_calls(db: Connection) -> PlatformCalls:
    """As measured last; nothing before the first measurement."""
    row = await db.fetchrow("SELECT hour_calls, hour_seconds, day_calls, day_seconds FROM platform_calls")
    return PlatformCalls() if row is None else PlatformCalls(**row)
