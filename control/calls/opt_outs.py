"""People who ask in a call not to be called again: the call's record says so, and their number is listed."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from control.calls.state import CallState
from control.db.pool import Connection
from control.do_not_call.read_opt_outs import insert_opted_out
from control.platform.audit import Actor, Change, record_change
from shared.events import CallerOptedOut
from shared.ids import new_id

Changes = Iterable[tuple[CallState, CallState]]


def apply_opt_out(state: CallState, event: CallerOptedOut, at: datetime) -> CallState:
    """The same in any order of the events: the earliest of several requests is stored. Pure."""
    known = state.details.opted_out_at
    if known is not None and known <= at:
        return state
    return replace(state, details=replace(state.details, opted_out_at=at, opted_out_by=event.by))


async def list_opted_out(db: Connection, changed: Changes) -> None:
    """Lists the people who asked for it in these changes, (before, after), in the transaction that makes them. A
    withheld number is not listed. Needs platform scope."""
    new = {
        after.id: after
        for before, after in changed
        if before.details.opted_out_at is None and after.details.opted_out_at is not None
    }
    if not new:
        return
    sources = ["caller_keypad" if one.details.opted_out_by == "key" else "caller_words" for one in new.values()]
    listed = await insert_opted_out(db, [UUID(new_id()) for _ in new], list(new), sources)
    for call_id in listed:
        call = new[call_id]
        change = Change("do_not_call.opt_out", "call", str(call_id), call.workspace_id)
        await record_change(db, Actor("system"), change)
