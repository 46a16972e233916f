"""SQL for outbound calls: recent calls by workspace and on the whole platform, and the numbers to call from."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final
from uuid import UUID

from control.calls.outbound.rules import OriginNumber, OutboundUsage, PlatformCalls
from control.db.pool import Connection

# --- What was called lately ------------------------------------------------------------------------------------------

# Outbound calls of workspace $1 until $3; $2 is the number to call. A transferred call lasts until transfer_until,
# unless the carrier reported its end before. The caller's own seconds are those before the transfer.
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
# Test calls of workspaces $1 within 24 hours until $2: placed by phone, or begun in a browser.
_COUNT_TESTS: Final = """
    SELECT count(*) FROM calls
    WHERE workspace_id = ANY($1::uuid[]) AND is_test
      AND created_at > $2::timestamptz - interval '1 day'
"""


async def count_usage(db: Connection, workspace_id: UUID, number: str, now: datetime) -> OutboundUsage:
    """Returns the recent outbound calls of the workspace.

    The workspace must be locked: otherwise two calls could pass the same limit.
    """
    return OutboundUsage(**await db.fetchrow(_COUNT_USAGE, workspace_id, number, now))


async def count_tests(db: Connection, workspace_ids: Sequence[UUID], now: datetime) -> int:
    """Returns the number of test calls of these workspaces within 24 hours, including deleted workspaces.

    Needs platform scope.
    """
    total: int = await db.fetchval(_COUNT_TESTS, workspace_ids, now)
    return total


# The index calls_newest leads to the calls of a day. With 100,000 calls, this query takes about as long as 100
# placements, so the worker runs it instead of each placement.
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
    """Counts the platform's outbound calls and stores the result."""
    return PlatformCalls(**await db.fetchrow(_MEASURE, now))


async def select_platform_calls(db: Connection) -> PlatformCalls:
    """Returns the last measurement; zeros before the first measurement."""
    row = await db.fetchrow("SELECT hour_calls, hour_seconds, day_calls, day_seconds FROM platform_calls")
    return PlatformCalls() if row is None else PlatformCalls(**row)


async def insert_country(db: Connection, workspace_id: UUID, country: str, now: datetime) -> None:
    """Stores when a workspace first called this country."""
    await db.execute(
        "INSERT INTO called_countries (workspace_id, country, first_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING",
        workspace_id,
        country,
        now,
    )


# --- Calls that wait to be dialed -----------------------------------------------------------------------------------

# Calls of workspace $1 at carrier $2 that wait to be dialed and were requested before call $3, but not before $4. Ids
# are ordered by time (UUIDv7).
_COUNT_WAITING: Final = """
    SELECT count(*) FROM calls
    WHERE workspace_id = $1 AND status = 'queued' AND carrier = $2 AND direction = 'outbound'
      AND carrier_call_id IS NULL AND NOT details ? 'placing_at' AND id < $3 AND created_at > $4
"""


async def count_waiting_before(db: Connection, workspace_id: UUID, carrier: str, call_id: UUID, since: datetime) -> int:
    """Returns the number of the workspace's calls that are to be dialed before this call."""
    count: int = await db.fetchval(_COUNT_WAITING, workspace_id, carrier, call_id, since)
    return count


# A call that was tried already is left out, because the attempt may have reached the carrier.
_SELECT_LISTED: Final = """
    SELECT call.id FROM calls call
    JOIN do_not_call_numbers listed ON listed.workspace_id = call.workspace_id AND listed.number = call.called_number
    WHERE call.status = 'queued' AND call.direction = 'outbound' AND call.carrier_call_id IS NULL
      AND call.details ->> 'placing_at' IS NULL
    ORDER BY call.created_at LIMIT $1
"""


async def select_listed(db: Connection, most: int) -> list[UUID]:
    """Returns up to `most` calls of all workspaces that wait and whose number is on a do-not-call list.

    Needs platform scope.
    """
    return [row["id"] for row in await db.fetch(_SELECT_LISTED, most)]


# --- Numbers to call from --------------------------------------------------------------------------------------------

# Active numbers of workspace $1 at a carrier; the numbers of agent $2 come first.
_SELECT_ORIGINS: Final = """
    SELECT id, phone_number, carrier FROM phone_numbers
    WHERE workspace_id = $1 AND status = 'active' AND carrier IN ('twilio', 'telnyx')
    ORDER BY coalesce(agent_id = $2, false) DESC, created_at, id LIMIT 100
"""


async def select_origins(db: Connection, workspace_id: UUID, agent_id: UUID | None) -> list[OriginNumber]:
    """Returns up to 100 active numbers at a carrier, the agent's own numbers first."""
    return [OriginNumber(**row) for row in await db.fetch(_SELECT_ORIGINS, workspace_id, agent_id)]
