"""The worker's duties for what follows from changes, where a program of the previous version did not do it."""

from datetime import datetime, timedelta
from typing import Final

from control.calls.changes.service import charge_calls, make_ended
from control.calls.records import queries
from control.campaigns.service import settle_attempts
from control.db.pool import Connection

# Calls that a program of the previous version ended are charged within this time; a rolling upgrade takes less.
UNCHARGED_FOR: Final = timedelta(days=1)
CHARGED_AT_ONCE: Final = 200
# Such calls of campaigns are settled later than any transaction lasts.
UNSETTLED_FOR: Final = timedelta(minutes=1)
SETTLED_AT_ONCE: Final = 200


async def charge_uncharged(db: Connection, now: datetime) -> int:
    """Charges calls that are over and have no minutes in the ledger; returns how many."""
    found = await queries.select_uncharged(db, now - UNCHARGED_FOR, CHARGED_AT_ONCE)
    calls = await queries.lock_states(db, found)
    await charge_calls(db, list(calls.values()))
    return len(calls)


async def settle_unsettled(db: Connection, now: datetime) -> int:
    """Settles attempts of campaigns whose calls are over; returns how many. Needs platform scope."""
    found = await queries.select_unsettled(db, now - UNSETTLED_FOR, SETTLED_AT_ONCE)
    calls = await queries.lock_states(db, found)
    return await settle_attempts(db, [make_ended(call) for call in calls.values() if call.is_final])
