"""SQL of what bounds outbound calls."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


@dataclass(frozen=True, slots=True)
class Line:
    """A number of the workspace that calls may be placed from."""

    id: UUID
    phone_number: str
    carrier: str
    country: str | None


@dataclass(frozen=True, slots=True)
class Placed:
    """What a workspace placed. minute: within the last one; day, same, tests, seconds: within 24 hours; same: to this
    number; seconds: connected."""

    open: int
    minute: int
    day: int
    same: int
    tests: int
    seconds: int


async def select_lines(db: Connection, workspace_id: UUID, agent_id: UUID | None) -> list[Line]:
    """Active numbers at a carrier, the agent's own first."""
    rows = await db.fetch(
        """
        SELECT id, phone_number, carrier, country FROM phone_numbers
        WHERE workspace_id = $1 AND status = 'active' AND carrier IN ('twilio', 'telnyx')
        ORDER BY coalesce(agent_id = $2, false) DESC, created_at, id LIMIT 100
        """,
        workspace_id,
        agent_id,
    )
    return [Line(**row) for row in rows]


async def count_placed(db: Connection, workspace_id: UUID, number: str, now: datetime) -> Placed:
    """The workspace must be locked, or two would count the same."""
    row = await db.fetchrow(
        """
        SELECT (SELECT count(*) FROM calls
                WHERE workspace_id = $1 AND status IN ('queued', 'ringing', 'in_progress')) AS open,
               count(*) FILTER (WHERE created_at > $3::timestamptz - interval '1 minute') AS minute,
               count(*) AS day, count(*) FILTER (WHERE called_number = $2) AS same,
               count(*) FILTER (WHERE is_test) AS tests, coalesce(sum(duration_seconds), 0) AS seconds
        FROM calls
        WHERE workspace_id = $1 AND direction = 'outbound' AND created_at > $3::timestamptz - interval '1 day'
        """,
        workspace_id,
        number,
        now,
    )
    return Placed(**row)
