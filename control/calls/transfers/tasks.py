"""The jobs that end the leg of a warm transfer's target, and a transferred call that has reached the spending limit.

Media nodes no longer have a transferred call, so only a job can end it before the carrier's time limit of an hour.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from control.agents.plans.service import AgentLookup
from control.calls.announcements import transfer_ended_text
from control.calls.changes.service import save_changes
from control.calls.live.service import enqueue_hangup
from control.calls.records import queries as records_queries
from control.calls.records.state import CallState
from control.calls.transfers import queries, service
from control.calls.transfers.rules import WarmTransfer
from control.calls.transfers.service import EndTargetJob, EndTransferJob, is_with_target
from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Pool
from control.db.scope import enter_platform


def make_end_target_job(pool: Pool, carriers: Carriers) -> JobHandler:
    """Returns the job that ends the target's leg.

    Does nothing if both have met. Retried while the carrier does not answer.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, EndTargetJob)
        found = await _load(pool, job.transfer_id)
        if found is None:
            return
        transfer, call = found
        has_met = transfer.joined_at is not None or is_with_target(call)
        if is_with_target(call) and job.unless_met and transfer.status == "over":
            await _hang_up(carriers, call.carrier, call.carrier_call_id)
        elif not (has_met and job.unless_met):
            await _hang_up(carriers, transfer.carrier, transfer.leg_id)

    return run


async def _load(pool: Pool, transfer_id: UUID) -> tuple[WarmTransfer, CallState] | None:
    async with pool.transaction() as db:
        await enter_platform(db)
        call = await service.lock_call(db, transfer_id)
        transfer = await queries.lock_transfer(db, transfer_id)
    return None if transfer is None or call is None else (transfer, call)


async def _hang_up(carriers: Carriers, carrier: str, leg_id: str | None) -> None:
    if leg_id is None:
        return
    try:
        await carriers.get(carrier).hang_up(leg_id)
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}") from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None


# Stored as the call's end_detail. Its end reason stays "transferred".
SPEND_LIMIT: Final = "spend_limit"
# If a call is still up this long after its last words, it is ended without an announcement: the event of their end was
# lost.
HANG_UP_AFTER_S: Final = 30.0

log = structlog.get_logger()


def _now() -> datetime:
    return datetime.now(UTC)


def make_end_transfer_job(
    pool: Pool, agents: AgentLookup, carriers: Carriers, clock: Callable[[], datetime] = _now
) -> JobHandler:
    """Returns the job that ends the call, unless the carrier has reported its end."""

    async def run(payload: bytes) -> None:
        call_id, now = decode_payload(payload, EndTransferJob).call_id, clock()
        async with pool.transaction() as db:
            await enter_platform(db)
            found = await service.find_transfer(db, agents, call_id, now)
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
    """Ends the call with a sentence.

    If Telnyx refuses to speak on a bridged call, which it does not document, ends the call without it. Raises
    CarrierRefused, CarrierUnavailable.
    """
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
        call = await records_queries.lock_one(db, call_id)
        if call is None:
            return
        await save_changes(db, [(call.state, replace(call.state, end_detail=SPEND_LIMIT))])
        await enqueue_hangup(db, call.state, None, delay_s=HANG_UP_AFTER_S)
