"""People who ask in a call not to be called again: the call's record says so, and their number is listed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from control.calls.state import CallState
from control.db.pool import Connection
from control.do_not_call.service import list_callers
from shared.events import CallerOptedOut

Changes = Iterable[tuple[CallState, CallState]]


def apply_opt_out(state: CallState, event: CallerOptedOut, at: datetime) -> CallState:
    """The same in any order of the events: the earliest of several requests is stored. Pure."""
    known = state.details.opted_out_at
    if known is not None and known <= at:
        return state
    return replace(state, details=replace(state.details, opted_out_at=at, opted_out_by=event.by))


async def list_opted_out(db: Connection, changed: Changes) -> None:
    """Lists the people who asked for it in these changes, (before, after), in the transaction that makes them. Needs
    platform scope."""
    new = {
        after.id: after.details.opted_out_by
        for before, after in changed
        if before.details.opted_out_at is None and after.details.opted_out_at is not None
    }
    if new:
        await list_callers(db, new)
