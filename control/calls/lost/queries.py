"""SQL that finds open calls, and calls that may still be up at their carrier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.calls.records.queries import STATE_COLUMNS, state_from_row
from control.calls.records.state import CallState
from control.carriers.rules import ActiveCall
from control.db.pool import Connection

# Open calls created before $1, in batches of $3 by id. $2 is the last id of the previous batch.
_SELECT_OPEN: Final = f"""
    SELECT {STATE_COLUMNS} FROM calls
    WHERE status IN ('queued', 'ringing', 'in_progress') AND created_at < $1 AND ($2::uuid IS NULL OR id > $2)
    ORDER BY id LIMIT $3
"""


async def select_open(db: Connection, before: datetime, after: UUID | None, most: int) -> list[CallState]:
    """Returns up to `most` calls that are not over and were created before `before`, by id, after the id `after`."""
    return [state_from_row(row) for row in await db.fetch(_SELECT_OPEN, before, after, most)]


# Calls of carrier $1 with one of its ids $2 or of our ids $3. is_over: at $4, for $5 or longer. A transferred call is
# over when the carrier has reported its end, or its time limit has passed.
_SELECT_NAMED: Final = """
    SELECT id, carrier_call_id,
        status NOT IN ('queued', 'ringing', 'in_progress')
        AND coalesce(ended_at <= $4::timestamptz - $5::interval, false)
        AND NOT coalesce(end_reason = 'transferred'
                         AND calls.transfer_until::timestamptz > $4::timestamptz - $5::interval, false) AS is_over
    FROM calls
    WHERE carrier = $1 AND (carrier_call_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
    LIMIT 20000
"""


@dataclass(frozen=True, slots=True)
class NamedCall:
    """The row of a call that a carrier lists.

    Attributes:
        is_over: The call has been over for long enough that its line must be down.
    """

    id: UUID
    carrier_call_id: str | None
    is_over: bool


async def select_named(
    db: Connection, carrier: str, active: Sequence[ActiveCall], now: datetime, grace: timedelta
) -> list[NamedCall]:
    """Returns the rows with an id of these calls: the carrier's id, our id, or the id of the call whose transfer
    created the leg.

    Args:
        grace: How long after its end a call does not yet count as over.
    """
    carrier_ids = [
        carrier_id for call in active for carrier_id in (call.carrier_call_id, call.transfer_of) if carrier_id
    ]
    ids = list(parse_ids(call.call_id for call in active))
    return [NamedCall(**row) for row in await db.fetch(_SELECT_NAMED, carrier, carrier_ids, ids, now, grace)]


def parse_ids(texts: Iterable[str]) -> set[UUID]:
    """Returns the ids of calls among these texts."""
    found = set()
    for text in texts:
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found


# The numbers among $1 that a workspace holds.
_SELECT_HELD: Final = """
    SELECT phone_number FROM phone_numbers
    WHERE phone_number = ANY($1::text[]) AND status IN ('buying', 'active', 'releasing') LIMIT 20000
"""


async def select_held(db: Connection, numbers: Sequence[str]) -> set[str]:
    """Returns the numbers among these that a workspace holds now."""
    return {row["phone_number"] for row in await db.fetch(_SELECT_HELD, list(numbers))}
