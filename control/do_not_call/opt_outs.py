"""Listing people who asked in a call not to be called again."""

from collections.abc import Mapping
from uuid import UUID

from control.db.pool import Connection
from control.do_not_call.read_opt_outs import insert_opted_out
from control.platform.audit import Actor, Change, record_change
from shared.ids import new_id


async def list_callers(db: Connection, opted_out: Mapping[UUID, str]) -> None:
    """Lists the other party's number of each of these calls, unless it is listed already or was withheld. opted_out: by
    call, how it was asked for: "words" or "key". Needs platform scope."""
    ids = [UUID(new_id()) for _ in opted_out]
    sources = ["caller_keypad" if by == "key" else "caller_words" for by in opted_out.values()]
    for call_id, workspace_id in await insert_opted_out(db, ids, list(opted_out), sources):
        change = Change("do_not_call.opt_out", "call", str(call_id), workspace_id)
        await record_change(db, Actor("system"), change)
