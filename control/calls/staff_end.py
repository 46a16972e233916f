"""Ends calls by order of the staff: one call, or all calls of a suspended workspace."""

from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from control.calls import read_calls_to_end, store
from control.calls.hangup import enqueue_hangup
from control.calls.job_support import decode_payload, utc_now
from control.calls.state import CallState, close
from control.calls.state_changes import save_changes
from control.db.jobs import JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

END_CALLS: Final = "calls.end_of_workspace"
BATCH: Final = 200
# A webhook that read the workspace before its suspension may still store a call.
LOOK_AGAIN_S: Final = 10.0


class EndCallsJob(msgspec.Struct, frozen=True):
    """Payload of the job that ends the calls of a suspended workspace."""

    workspace_id: UUID


async def end_call(db: Connection, call: CallState, now: datetime, *, polite: bool) -> bool:
    """Ends a call whose row is locked. Returns False if the call is over.

    A job ends a call that rings or is in progress: by media, after a goodbye if `polite`, else by the carrier. A queued
    call is canceled. A caller who is being transferred is hung up by the carrier.
    """
    if call.is_final:
        transfer = call.details.transfer
        if transfer is None or transfer.until is None or transfer.until <= now:
            return False
        await enqueue_hangup(db, call, None)
        return True
    if call.carrier_call_id is None:
        after = close(call, "canceled", "admin", None, now, "control")
    else:
        # If the carrier hangs up, media and the carrier report the same as after a hang-up by the caller.
        after = replace(call, details=replace(call.details, meant_end="admin"))
    await save_changes(db, [(call, after)])
    await enqueue_hangup(db, call, "admin", polite=polite)
    return True


async def end_calls_later(db: Connection, workspace_id: UUID) -> None:
    """Enqueues the job that ends all calls of a workspace, and looks for late ones once more."""
    payload = msgspec.json.encode(EndCallsJob(workspace_id))
    for delay_s in (0.0, LOOK_AGAIN_S):
        await enqueue(db, END_CALLS, payload, delay_s=delay_s)


def make_end_calls_job(pool: Pool) -> JobHandler:
    """Ends the calls of a workspace, politely, if the workspace is still suspended."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, EndCallsJob)
        after: UUID | None = None
        while True:
            async with pool.transaction() as db:
                await enter_platform(db)
                found = await read_calls_to_end.select_calls_to_end(db, job.workspace_id, utc_now(), after, BATCH)
                for call in (await store.lock_states(db, found)).values():
                    await end_call(db, call, utc_now(), polite=True)
            if len(found) < BATCH:
                return
            after = found[-1]

    return run
