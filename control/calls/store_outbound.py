"""SQL that counts what a workspace called: the limits of outbound calls."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class OutboundUsage:
    """open: open calls now, inbound ones included. minute, hour: outbound calls within the last minute and hour.
    hour_seconds: connected seconds of outbound calls that began within the last hour. Within 24 hours: day:
    outbound calls; same: those to this number; seconds: connected ones, including calls in progress, and inbound calls
    since their callers were transferred."""

    open: int
    minute: int
    hour: int
    hour_seconds: int
    day: int
    same: int
    seconds: int


# What workspace $1 called until $3, $2 being the number that is to be called. A transferred call goes on until
# transfer_until, unless the carrier reported its end before; its seconds before the transfer are the caller's own.
_COUNT_USAGE: Final = """
    WITH asked AS (
        SELECT direction, end_reason, status, called_number, created_at, answered_at, duration_seconds,
               calls.transfer_until, calls.transfer_talked_seconds
        FROM calls
        WHERE workspace_id = $1 AND direction = 'outbound' AND created_at > $3::timestamptz - interval '1 day'
        UNION ALL
        SELECT direction, end_reason, status, called_number, created_at, answered_at, duration_seconds,
               calls.transfer_until, calls.transfer_talked_seconds
        FROM calls
        WHERE workspace_id = $1 AND direction = 'inbound' AND end_reason = 'transferred'
          AND created_at > $3::timestamptz - interval '1 day'
    ),
    recent AS (
        SELECT direction, called_number, created_at, transfer_talked_seconds,
               CASE WHEN status = 'in_progress'
                      OR (end_reason = 'transferred' AND transfer_until::timestamptz > $3::timestamptz)
                    THEN greatest(0, extract(epoch FROM $3::timestamptz - coalesce(answered_at, created_at)))
                    ELSE duration_seconds END AS seconds
        FROM asked
    )
    SELECT (SELECT count(*) FROM calls
            WHERE workspace_id = $1 AND status IN ('queued', 'ringing', 'in_progress'))
         + (SELECT count(*) FROM calls
            WHERE workspace_id = $1 AND end_reason = 'transferred'
              AND created_at > $3::timestamptz - interval '6 hours'
              AND calls.transfer_until::timestamptz > $3::timestamptz) AS open,
           count(*) FILTER (WHERE direction = 'outbound' AND created_at > $3::timestamptz - interval '1 minute')
               AS minute,
           count(*) FILTER (WHERE direction = 'outbound' AND created_at > $3::timestamptz - interval '1 hour') AS hour,
           coalesce(sum(seconds) FILTER (WHERE direction = 'outbound'
                                           AND created_at > $3::timestamptz - interval '1 hour'), 0)::bigint
               AS hour_seconds,
           count(*) FILTER (WHERE direction = 'outbound') AS day,
           count(*) FILTER (WHERE direction = 'outbound' AND called_number = $2) AS same,
           (coalesce(sum(seconds) FILTER (WHERE direction = 'outbound'), 0)
            + coalesce(sum(greatest(0, seconds - transfer_talked_seconds))
                       FILTER (WHERE direction = 'inbound'), 0))::bigint AS seconds
    FROM recent
"""

# Test calls that workspaces $1 placed within 24 hours until $2.
_COUNT_TESTS: Final = """
    SELECT count(*) FROM calls
    WHERE workspace_id = ANY($1::uuid[]) AND direction = 'outbound' AND is_test
      AND created_at > $2::timestamptz - interval '1 day'
"""


async def count_usage(db: Connection, workspace_id: UUID, number: str, now: datetime) -> OutboundUsage:
    """The workspace must be locked: otherwise two calls could pass the same limit."""
    return OutboundUsage(**await db.fetchrow(_COUNT_USAGE, workspace_id, number, now))


# Calls of workspace $1 at carrier $2 that wait to be dialled, were asked for before call $3, and not before $4. Ids are
# in the order of time (UUIDv7).
_COUNT_WAITING: Final = """
    SELECT count(*) FROM calls
    WHERE workspace_id = $1 AND status = 'queued' AND carrier = $2 AND direction = 'outbound'
      AND carrier_call_id IS NULL AND NOT details ? 'placing_at' AND id < $3 AND created_at > $4
"""


async def count_waiting_before(db: Connection, workspace_id: UUID, carrier: str, call_id: UUID, since: datetime) -> int:
    """The workspace's calls that are to be dialled before this one."""
    count: int = await db.fetchval(_COUNT_WAITING, workspace_id, carrier, call_id, since)
    return count


async def count_tests(db: Connection, workspace_ids: Sequence[UUID], now: datetime) -> int:
    """Test calls of these workspaces within 24 hours, deleted workspaces included. Needs platform scope."""
    total: int = await db.fetchval(_COUNT_TESTS, workspace_ids, now)
    return total
