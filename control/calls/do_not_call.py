"""Calls that wait to be dialled while their number comes onto a do-not-call list."""

from datetime import datetime
from typing import Final

from control.calls import store
from control.calls.placement import is_queued
from control.calls.read_do_not_call import select_listed
from control.calls.state import close
from control.calls.state_changes import save_changes
from control.db.pool import Connection
from control.do_not_call.rules import LISTED

CANCELED_AT_ONCE: Final = 200


async def cancel_listed(db: Connection, now: datetime) -> int:
    """Cancels them, so that they take no turn; returns how many. None of them would be dialled in any case, because
    dialling looks at the list again. Needs platform scope."""
    states = await store.lock_states(db, await select_listed(db, CANCELED_AT_ONCE))
    waiting = [one for one in states.values() if is_queued(one) and one.details.placing_at is None]
    await save_changes(db, [(one, close(one, "canceled", None, LISTED, now, "control")) for one in waiting])
    return len(waiting)
