"""The job that ends the leg of a warm transfer's target, or the caller's call where the target has gone."""

from uuid import UUID

from control.calls import store_warm_transfers, warm_transfers
from control.calls.job_support import Gateways, decode_payload
from control.calls.state import CallState
from control.calls.warm_transfer import WarmTransfer
from control.calls.warm_transfers import EndTargetJob, is_with_target
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Pool
from control.db.scope import enter_platform


def make_end_target_job(pool: Pool, carriers: Gateways) -> JobHandler:
    """Does nothing where both have met; tried again while the carrier does not answer."""

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
        call = await warm_transfers.lock_call(db, transfer_id)
        transfer = await store_warm_transfers.lock_transfer(db, transfer_id)
    return None if transfer is None or call is None else (transfer, call)


async def _hang_up(carriers: Gateways, carrier: str, leg_id: str | None) -> None:
    if leg_id is None:
        return
    try:
        await carriers.get(carrier).hang_up(leg_id)
    except CarrierRefused as refused:
        if not refused.call_ended:
            raise JobFailed(f"refused: {refused.code}") from None
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
