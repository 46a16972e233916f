"""SQL of calls that may still be up at their carrier."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.carriers.model import ActiveCall
from control.db.pool import Connection

# Calls of carrier $1, with one of its ids $2 or of ours $3, that may be up: open, or at $4 transferred or over for less
# than $5.
_SELECT_KNOWN: Final = """
    SELECT id::text, carrier_call_id FROM calls
    WHERE carrier = $1 AND (carrier_call_id = ANY($2::text[]) OR id = ANY($3::uuid[]))
      AND (status IN ('queued', 'ringing', 'in_progress') OR ended_at > $4::timestamptz - $5::interval
           OR (end_reason = 'transferred' AND calls.transfer_until::timestamptz > $4))
    LIMIT 20000
"""


async def select_known(
    db: Connection, carrier: str, active: Sequence[ActiveCall], now: datetime, grace: timedelta
) -> set[str]:
    """Both ids of those calls that a row knows as open, or as transferred, or as over for less than `grace`."""
    carrier_ids = [one for call in active for one in (call.carrier_call_id, call.transfer_of) if one]
    rows = await db.fetch(
        _SELECT_KNOWN, carrier, carrier_ids, list(_uuids(call.call_id for call in active)), now, grace
    )
    return {one for row in rows for one in row.values() if one}


def _uuids(texts: Iterable[str]) -> Iterable[UUID]:
    for text in texts:
        try:
            yield UUID(text)
        except ValueError:
            continue
