"""The job that dials an outbound call."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from control.calls.job_support import Gateways, decode_payload, utc_now
from control.calls.outbound import PlaceCallJob
from control.calls.service import Calls
from control.carriers.model import Carrier, CarrierRefused, CarrierUnavailable, PlacedCall
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Pool
from control.db.scope import enter_platform

log = structlog.get_logger()


def make_dial_job(pool: Pool, calls: Calls, carriers: Gateways) -> JobHandler:
    """Dials a call once. A repeated try only looks whether the first one reached the carrier."""

    async def run(payload: bytes) -> None:
        call_id = decode_payload(payload, PlaceCallJob).call_id
        async with pool.transaction() as db:
            await enter_platform(db)
            order = await calls.placement.start(db, call_id, utc_now())
        if order is None:
            return
        try:
            carrier = carriers.get(order.carrier)
            if order.is_repeat:
                await _confirm_found(
                    pool, calls, carrier, call_id, await carrier.find_placed_calls(order.dial, order.since)
                )
                return
            placed = await carrier.dial(order.dial)
        except CarrierRefused as refusal:
            await _fail(pool, calls, call_id, refusal.code)
            return
        except CarrierUnavailable as error:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
        async with pool.transaction() as db:
            await enter_platform(db)
            is_wanted = await calls.placement.confirm(db, call_id, placed.carrier_call_id, utc_now())
        if not is_wanted:
            await _hang_up(carrier, placed.carrier_call_id)

    return run


async def _confirm_found(
    pool: Pool, calls: Calls, carrier: Carrier, call_id: UUID, found: Sequence[PlacedCall]
) -> None:
    """found: the carrier's calls that the first try may have placed. If none is ours, the call fails and is never
    dialled again, because it may have been dialled without our knowledge. Should it ring all the same, its webhooks are
    answered with a refusal."""
    ids = [one.carrier_call_id for one in found]
    async with pool.transaction() as db:
        await enter_platform(db)
        confirmed = await calls.placement.confirm_found(db, call_id, ids, utc_now())
    if confirmed is None:
        await _fail(pool, calls, call_id, "not_confirmed")
    elif not confirmed[1]:
        await _hang_up(carrier, confirmed[0])


async def _fail(pool: Pool, calls: Calls, call_id: UUID, detail: str) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        await calls.placement.fail(db, call_id, detail, utc_now())


async def _hang_up(carrier: Carrier, carrier_call_id: str) -> None:
    """Ends a call that is not wanted (any more)."""
    try:
        await carrier.hang_up(carrier_call_id)
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("call.hangup_failed", carrier=error.carrier, code=error.code)
