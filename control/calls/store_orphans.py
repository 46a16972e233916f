"""SQL of calls that may still be up at their carrier."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.carriers.rules import ActiveCall
from control.db.pool import Connection

# Calls of carrier $1 with one of its ids $2, or of ours $3. is_over: at $4, for $5 or longer. A transferred call is
# over once the carrier has reported its end, or its bound has passed.
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
    """A row of a call that a carrier lists. is_over: long enough for its line to be down."""

    id: UUID
    carrier_call_id: str | None
    is_over: bool


async def select_named(
    db: Connection, carrier: str, active: Sequence[ActiveCall], now: datetime, grace: timedelta
) -> list[NamedCall]:
    """The rows with an id of these calls: the carrier's, ours, or that of the call for whose transfer it is a leg.
    grace: for how long a call that is over does not count as over."""
    carrier_ids = [one for call in active for one in (call.carrier_call_id, call.transfer_of) if one]
    ids = list(parse_ids(call.call_id for call in active))
    return [NamedCall(**row) for row in await db.fetch(_SELECT_NAMED, carrier, carrier_ids, ids, now, grace)]


def parse_ids(texts: Iterable[str]) -> set[UUID]:
    """Those of these texts that are ids of calls."""
    found = set()
    for text in texts:
        try:
            found.add(UUID(text))
        except ValueError:
            continue
    return found
