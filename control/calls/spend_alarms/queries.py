"""SQL for alarms about unusual outbound calls. Needs platform scope."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.calls.spend_alarms.rules import UnusualCalls
from control.db.pool import Connection

# Maximum number of workspaces that one query returns.
MOST_FOUND: Final = 1_000
# Workspaces with outbound calls in the last hour until $1 of which $2 were answered and shorter than $3 seconds;
# workspaces with $4 test calls; and workspaces that called $5 countries for the first time within 24 hours.
_SELECT_UNUSUAL: Final = f"""
    WITH recent AS (
        SELECT workspace_id,
               count(*) FILTER (WHERE status = 'completed' AND duration_seconds < $3::integer) AS short_calls,
               count(*) FILTER (WHERE is_test) AS test_calls
        FROM calls WHERE created_at > $1::timestamptz - interval '1 hour' AND direction = 'outbound'
        GROUP BY workspace_id
    ),
    opened AS (
        SELECT workspace_id, count(*) AS new_countries FROM called_countries
        WHERE first_at > $1::timestamptz - interval '1 day' GROUP BY workspace_id
    )
    SELECT workspace_id, 'short_calls' AS kind, short_calls AS figure, $2::bigint AS threshold
    FROM recent WHERE short_calls >= $2::bigint
    UNION ALL SELECT workspace_id, 'test_calls', test_calls, $4::bigint FROM recent WHERE test_calls >= $4::bigint
    UNION ALL SELECT workspace_id, 'new_countries', new_countries, $5::bigint
    FROM opened WHERE new_countries >= $5::bigint
    LIMIT {MOST_FOUND}
"""
_INSERT: Final = """
    INSERT INTO spend_alarms (id, workspace_id, kind, day, figure, threshold, raised_at)
    VALUES ($1, $2, $3, ($6::timestamptz AT TIME ZONE 'UTC')::date, $4, $5, $6)
    ON CONFLICT DO NOTHING
"""


async def select_unusual(db: Connection, limits: Mapping[str, int], now: datetime) -> list[UnusualCalls]:
    """Returns workspaces that have reached a threshold.

    Args:
        limits: By the settings' names.
    """
    rows = await db.fetch(
        _SELECT_UNUSUAL,
        now,
        limits["alarm_short_calls_per_hour"],
        limits["alarm_short_call_s"],
        limits["alarm_test_calls_per_hour"],
        limits["alarm_new_countries_per_day"],
    )
    return [UnusualCalls(**row) for row in rows]


async def insert_alarm(db: Connection, alarm_id: UUID, found: UnusualCalls, now: datetime) -> bool:
    """Stores an alarm. Returns False if this alarm was raised today already."""
    status = await db.execute(_INSERT, alarm_id, found.workspace_id, found.kind, found.figure, found.threshold, now)
    return bool(status == "INSERT 0 1")


async def count_alarms(db: Connection, now: datetime) -> dict[str, int]:
    """Returns the number of alarms of the last 24 hours by kind."""
    rows = await db.fetch(
        "SELECT kind, count(*) AS raised FROM spend_alarms WHERE raised_at > $1::timestamptz - interval '1 day' "
        "GROUP BY kind",
        now,
    )
    return {row["kind"]: row["raised"] for row in rows}


# Maximum number of addresses of a kind that get an e-mail.
MOST_RECIPIENTS: Final = 20

# Owners of workspace $1 who confirmed their addresses, and staff who may do something about it.
_OWNERS: Final = """
    SELECT u.email FROM workspace_members m JOIN users u ON u.id = m.user_id
    WHERE m.workspace_id = $1 AND m.role = 'owner' AND u.is_active AND u.email_verified_at IS NOT NULL
    ORDER BY m.joined_at, u.id LIMIT $2
"""
_STAFF: Final = """
    SELECT email FROM admins WHERE is_active AND role IN ('super_admin', 'support') ORDER BY created_at, id LIMIT $1
"""


@dataclass(frozen=True, slots=True)
class AlarmRecipients:
    """Addresses, and the workspace's name. The name is empty for an alarm about all workspaces together."""

    workspace_name: str
    owners: tuple[str, ...]
    staff: tuple[str, ...]


async def select_recipients(db: Connection, workspace_id: UUID | None) -> AlarmRecipients:
    """Returns the recipients of an alarm.

    Args:
        workspace_id: None for an alarm about all workspaces together, which only the staff receive.
    """
    name = await db.fetchval("SELECT name FROM workspaces WHERE id = $1", workspace_id)
    owners = await db.fetch(_OWNERS, workspace_id, MOST_RECIPIENTS)
    staff = await db.fetch(_STAFF, MOST_RECIPIENTS)
    return AlarmRecipients(
        name or "", tuple(owner["email"] for owner in owners), tuple(member["email"] for member in staff)
    )
