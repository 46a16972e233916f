"""SQL of what bounds outbound calls."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.calls.store import COUNT_OPEN
from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Line:
    """A number of the workspace that calls may be placed from."""

    id: UUID
    phone_number: str
    carrier: str


@dataclass(frozen=True, slots=True)
class Placed:
    """What a workspace placed. open: at the moment, inbound ones included. minute: within the last one; day, same,
    tests, seconds: within 24 hours; same: to this number; seconds: connected, of calls that go on too, and of inbound
    ones since their callers were put through."""

    open: int
    minute: int
    day: int
    same: int
    tests: int
    seconds: int


# Of a call whose caller was put through, while the carrier has not told its end.
_UNTIL: Final = "CASE WHEN end_reason = 'transferred' THEN (details->'put_through'->>'until')::timestamptz END"
_SECONDS: Final = f"""
    CASE WHEN status = 'in_progress' OR {_UNTIL} > $3::timestamptz
         THEN greatest(0, extract(epoch FROM $3::timestamptz - coalesce(answered_at, created_at)))
         ELSE duration_seconds END
"""
_PLACED: Final = f"""
    SELECT {COUNT_OPEN.format(workspace="$1", now="$3")} AS open,
           count(*) FILTER (WHERE created_at > $3::timestamptz - interval '1 minute') AS minute,
           count(*) AS day, count(*) FILTER (WHERE called_number = $2) AS same,
           count(*) FILTER (WHERE is_test) AS tests,
           (coalesce(sum({_SECONDS}), 0) + (
                SELECT coalesce(sum(greatest(0, {_SECONDS}
                                             - coalesce((details->'put_through'->>'talked_s')::integer, 0))), 0)
                FROM calls WHERE workspace_id = $1 AND direction = 'inbound' AND end_reason = 'transferred'
                AND details ? 'put_through' AND created_at > $3::timestamptz - interval '1 day'
           ))::bigint AS seconds
    FROM calls
    WHERE workspace_id = $1 AND direction = 'outbound' AND created_at > $3::timestamptz - interval '1 day'
"""


async def select_lines(db: Connection, workspace_id: UUID, agent_id: UUID | None) -> list[Line]:
    """Active numbers at a carrier, the agent's own first."""
    rows = await db.fetch(
        """
        SELECT id, phone_number, carrier FROM phone_numbers
        WHERE workspace_id = $1 AND status = 'active' AND carrier IN ('twilio', 'telnyx')
        ORDER BY coalesce(agent_id = $2, false) DESC, created_at, id LIMIT 100
        """,
        workspace_id,
        agent_id,
    )
    return [Line(**row) for row in rows]


async def count_placed(db: Connection, workspace_id: UUID, number: str, now: datetime) -> Placed:
    """The workspace must be locked, or two would count the same."""
    return Placed(**await db.fetchrow(_PLACED, workspace_id, number, now))
