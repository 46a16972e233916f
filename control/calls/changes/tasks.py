"""The worker's duties that complete the consequences of changes made by programs of the previous version."""

from datetime import datetime, timedelta
from typing import Final

from control.calls.changes.service import charge_calls, make_ended
from control.calls.records import queries
from control.campaigns.service import settle_attempts
from control.db.pool import Connection

# Calls that a program of the previous version ended are charged within this time. A rolling upgrade takes less.
UNCHARGED_FOR: Final = timedelta(days=1)
CHARGED_AT_ONCE: Final = 200
# Calls of campaigns are settled after this time, which is longer than any transaction.
UNSETTLED_FOR: Final = timedelta(minutes=1)
SETTLED_AT_ONCE: Final = 200


async def charge_uncharged(db: Connection, now: datetime) -> int:
    """Charges calls that are over and have no minutes in the ledger. Returns the number of calls."""
    found = await queries.select_uncharged(db, now - UNCHARGED_FOR, CHARGED_AT_ONCE)
    calls = await queries.lock_states(db, found)
    await charge_calls(db, list(calls.values()))
    return len(calls)


async def settle_unsettled(db: Connection, now: datetime) -> int:
    """Settles campaign attempts whose calls are over. Returns the number of attempts. Needs platform scope."""
    found = await queries.select_unsettled(db, now - UNSETTLED_FOR, SETTLED_AT_ONCE)
    calls = await queries.lock_states(db, found)
    return await settle_attempts(db, [make_ended(call) for call in calls.values() if call.is_final])
