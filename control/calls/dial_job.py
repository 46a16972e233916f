"""The job that dials an outbound call."""

from collections.abc import Sequence
from uuid import UUID

import structlog

from control.calls.dial_queue import DialQueue, PlaceCallJob
from control.calls.job_support import Gateways, decode_payload, utc_now
from control.calls.placement import LOOKED_FOR, DialOrder
from control.calls.service import Calls
from control.carriers.retries import NotProcessed
from control.carriers.rules import Carrier, CarrierRefused, CarrierUnavailable, PlacedCall
from control.db.jobs import JobFailed, JobHandler
from control.db.pool import Pool
from control.db.scope import enter_platform

log = structlog.get_logger()


def make_dial_job(pool: Pool, calls: Calls, carriers: Gateways, queue: DialQueue) -> JobHandler:
    """Dials a call once, when its turn has come. A repeated try only looks whether the first one reached the carrier; a
    request that the carrier did not process goes back to the queue."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, PlaceCallJob)
        if not await _is_due(pool, calls, queue, job):
            return
        async with pool.transaction() as db:
            await enter_platform(db)
            order = await calls.placement.start(db, job.call_id, utc_now())
        if order is not None:
            await _place(pool, calls, carriers, queue, job, order)

    return run


async def _is_due(pool: Pool, calls: Calls, queue: DialQueue, job: PlaceCallJob) -> bool:
    """Whether to go on now: not for a call that is not queued (any more), nor before its turn."""
    async with pool.transaction() as db:
        await enter_platform(db)
        waiting = await calls.placement.find_waiting(db, job.call_id, utc_now())
    if waiting is None:
        return False
    if waiting.is_repeat or waiting.is_stale:  # it is not dialled, so it takes no turn
        return True
    return await queue.wait_for_turn(job, waiting.carrier, waiting.ahead)


async def _place(
    pool: Pool, calls: Calls, carriers: Gateways, queue: DialQueue, job: PlaceCallJob, order: DialOrder
) -> None:
    """Raises JobFailed when the carrier may have the call."""
    try:
        carrier = carriers.get(order.carrier)
        if order.is_repeat:
            found = await carrier.find_placed_calls(order.dial, order.since)
            await _confirm_found(pool, calls, carrier, order, found)
            return
        placed = await carrier.dial(order.dial)
    except CarrierRefused as refusal:
        await _fail(pool, calls, job.call_id, refusal.code)
    except NotProcessed as error:
        if order.is_repeat:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
        log.warning("call.requeued", carrier=error.carrier, code=error.code, call_id=str(job.call_id))
        await queue.requeue(job, order.carrier, lambda db: calls.placement.undo_start(db, job.call_id))
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
    else:
        await _confirm(pool, calls, carrier, job.call_id, placed)


async def _confirm(pool: Pool, calls: Calls, carrier: Carrier, call_id: UUID, placed: PlacedCall) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        is_wanted = await calls.placement.confirm(db, call_id, placed, utc_now())
    if not is_wanted:
        await _hang_up(carrier, placed.carrier_call_id)


async def _confirm_found(
    pool: Pool, calls: Calls, carrier: Carrier, order: DialOrder, found: Sequence[PlacedCall]
) -> None:
    """found: the carrier's calls that the first try may have placed. If none is ours after LOOKED_FOR, the call fails
    and is never dialled again, because it may have been dialled without our knowledge. Should it ring all the same, its
    webhooks are answered with a refusal. Raises JobFailed before."""
    call_id, now = UUID(order.dial.call_id), utc_now()
    async with pool.transaction() as db:
        await enter_platform(db)
        confirmed = await calls.placement.confirm_found(db, call_id, found, now)
    if confirmed is not None:
        if not confirmed[1]:
            await _hang_up(carrier, confirmed[0])
    elif now - order.since < LOOKED_FOR:
        raise JobFailed("the carrier does not list the call yet")
    else:
        await _fail(pool, calls, call_id, "not_confirmed")


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
