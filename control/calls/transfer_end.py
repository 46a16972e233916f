"""The job that ends a transferred call whose workspace has reached its spending limit: with a sentence, at the carrier.

No media node has the call any more, so nobody else can end it before the carrier's own bound of an hour.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import msgspec
import structlog

from control.calls import store
from control.calls.announcements import transfer_ended_text
from control.calls.hangup import enqueue_hangup
from control.calls.job_support import Gateways, decode_payload, utc_now
from control.calls.service import Calls
from control.calls.state import CallState
from control.calls.state_changes import save_changes
from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler, enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

END_TRANSFER: Final = "calls.end_transfer"
# Stored as the call's end_detail; its end reason stays "transferred", as what the agent did.
SPEND_LIMIT: Final = "spend_limit"
# A call that is still up so long after its last words is ended without any: the event of their end was lost.
HANG_UP_AFTER_S: Final = 30.0

log = structlog.get_logger()


class EndTransferJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    call_id: UUID


async def enqueue_transfer_end(db: Connection, call_id: UUID) -> None:
    """Has a transferred call ended."""
    await enqueue(db, END_TRANSFER, msgspec.json.encode(EndTransferJob(call_id)))


def make_end_transfer_job(
    pool: Pool, calls: Calls, carriers: Gateways, clock: Callable[[], datetime] = utc_now
) -> JobHandler:
    """Ends the call, unless the carrier has reported its end."""

    async def run(payload: bytes) -> None:
        call_id, now = decode_payload(payload, EndTransferJob).call_id, clock()
        async with pool.transaction() as db:
            await enter_platform(db)
            found = await calls.find_transfer(db, call_id, now)
        if found is None or found[0].carrier_call_id is None:
            return
        state, language = found
        try:
            await _end(carriers.get(state.carrier), state, language)
        except CarrierRefused as refused:
            raise JobFailed(f"refused: {refused.code}") from None
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
        await _store_end(pool, call_id)

    return run


async def _end(carrier: Carrier, state: CallState, language: str) -> None:
    """Raises CarrierRefused, CarrierUnavailable. Telnyx does not document whether it speaks on a bridged call: where it
    refuses, the call ends without a sentence."""
    name, command_id = state.carrier_call_id or "", str(uuid5(NAMESPACE_URL, f"{state.id}:{SPEND_LIMIT}"))
    try:
        await carrier.speak_last_words(name, transfer_ended_text(language), language, command_id)
    except CarrierRefused as refused:
        if refused.call_ended:
            return
        log.warning("call.last_words_refused", carrier=refused.carrier, code=refused.code, call_id=str(state.id))
        await carrier.hang_up(name)


async def _store_end(pool: Pool, call_id: UUID) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await store.lock_one(db, call_id)
        if call is None:
            return
        await save_changes(db, [(call.state, replace(call.state, end_detail=SPEND_LIMIT))])
        await enqueue_hangup(db, call.state, None, delay_s=HANG_UP_AFTER_S)
