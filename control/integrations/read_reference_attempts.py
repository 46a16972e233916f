"""Read model: how often a call, and its customer's number, have told references of appointments."""

from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection

# The longest that attempts of a number are counted for.
ATTEMPT_PERIOD: Final = timedelta(days=1)
_COUNT: Final = """
    SELECT count(*) FILTER (WHERE a.call_id = $2) AS in_call, count(*) AS of_number
    FROM reference_attempts a JOIN calls c ON c.id = a.call_id AND c.workspace_id = a.workspace_id
    WHERE a.workspace_id = $1 AND (a.call_id = $2 OR a.attempted_at > $4 AND
          coalesce(CASE WHEN c.direction = 'outbound' THEN c.called_number ELSE c.caller_number END, '') = $3)
"""


async def count_attempts(
    db: Connection, workspace_id: UUID, call_id: UUID, number: str, now: datetime
) -> tuple[int, int]:
    """Those of the call, and those of the number within ATTEMPT_PERIOD, the call's included. number: of the customer;
    empty: withheld, which counts as one number."""
    row = await db.fetchrow(_COUNT, workspace_id, call_id, number, now - ATTEMPT_PERIOD)
    return row["in_call"], row["of_number"]
