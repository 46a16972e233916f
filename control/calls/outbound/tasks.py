"""The job that dials an outbound call at its carrier's pace, and retries it later if it was certainly not placed.

A job that has to wait is enqueued again with its reserved time slot, so that waiting calls do not occupy the worker.
The job itself waits only for the last seconds, because the job queue checks for delayed jobs every few seconds
(control/db/jobs.py, `poll_every_s`).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final
from uuid import UUID

import structlog

from control.calls.outbound.service import (
    LOOKED_FOR,
    CallPlacement,
    DialOrder,
    PlaceCallJob,
    enqueue_dial,
)
from control.carriers.pacer import CallPacer
from control.carriers.retries import NotProcessed
from control.carriers.rules import Carrier, CarrierName, CarrierRefused, CarrierUnavailable, PlacedCall
from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler, decode_payload
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

log = structlog.get_logger()


# --- The pace --------------------------------------------------------------------------------------------------------

# The longest wait within a job, and the maximum number of calls that wait there: half of the jobs that a worker runs at
# once.
HELD_S: Final = 6.0
MOST_HELD: Final = 8
# A slot that is missed by more than this is given up. Otherwise late calls would begin at the same moment.
MISSED_S: Final = 0.25
# A job arrives when its slot is near. If the slot is further away than this, the clock of this machine, or of the
# machine that reserved it, was changed. The call gets a new slot.
STRAY_S: Final = 30.0
# Seconds of the pace that the calls of one workspace may reserve at once, but at least as many slots as wait within a
# job. More would delay other workspaces; fewer would leave slots unused while jobs are found.
SHARE_S: Final = 2.0
# The first wait after a temporary refusal, in seconds. Each further wait is twice as long.
FIRST_BACK_OFF_S: Final = 1.0
LONGEST_BACK_OFF_S: Final = 60.0


@dataclass(frozen=True, slots=True)
class DialQueue:
    """Decides when a queued call is dialed.

    Args:
        clock: Returns seconds since the epoch.
        sleep: The same as asyncio.sleep.
    """

    pool: Pool
    pacer: CallPacer
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def wait_for_turn(self, job: PlaceCallJob, carrier: CarrierName, ahead: int = 0) -> bool:
        """Waits for the call's turn.

        Args:
            ahead: Number of the workspace's calls that wait to be dialed before this call. While they use up the
                workspace's share, the call gets no slot.

        Returns:
            Whether to dial the call now. Otherwise its job was enqueued for later.
        """
        now = self.clock()
        at, held_s = job.turn_at, min(HELD_S, MOST_HELD / self.pacer.calls_per_s(carrier))
        if not now - MISSED_S <= at <= now + held_s + STRAY_S:
            pace = self.pacer.calls_per_s(carrier)
            excess = ahead + 1 - max(MOST_HELD, round(SHARE_S * pace))
            if excess > 0:
                async with self.pool.transaction() as db:
                    await enqueue_dial(db, PlaceCallJob(job.call_id, refusals=job.refusals), excess / pace)
                return False
            at = now + await self.pacer.reserve(carrier)
        if at - now > held_s:
            later = PlaceCallJob(job.call_id, at, job.refusals)
            async with self.pool.transaction() as db:
                await enqueue_dial(db, later, at - now - held_s)
            return False
        await self.sleep(max(0.0, at - now))
        return True

    async def requeue(
        self, job: PlaceCallJob, carrier: CarrierName, undo: Callable[[Connection], Awaitable[None]]
    ) -> None:
        """Enqueues a call again that the carrier did not process. All calls of the account wait as long.

        Args:
            undo: Undoes, in the same transaction, that the call is being dialed.
        """
        wait_s = back_off_s(job.refusals) * random.uniform(0.5, 1.0)
        at = self.clock() + await self.pacer.reserve(carrier, wait_s)
        async with self.pool.transaction() as db:
            await enter_platform(db)
            await undo(db)
            held_s = min(HELD_S, MOST_HELD / self.pacer.calls_per_s(carrier))
            delay_s = max(0.0, at - self.clock() - held_s)
            await enqueue_dial(db, PlaceCallJob(job.call_id, at, job.refusals + 1), delay_s)


def back_off_s(refusals: int) -> float:
    """Returns the wait in seconds after a refusal.

    Args:
        refusals: The number of earlier refusals.
    """
    return float(min(FIRST_BACK_OFF_S * 2 ** min(refusals, 30), LONGEST_BACK_OFF_S))


# --- The job ---------------------------------------------------------------------------------------------------------


def make_dial_job(pool: Pool, placement: CallPlacement, carriers: Carriers, queue: DialQueue) -> JobHandler:
    """Returns the job that dials a call once, when its turn has come.

    A repeated attempt only checks whether the first attempt reached the carrier. A call that the carrier did not
    process goes back to the queue.
    """

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, PlaceCallJob)
        if not await _is_due(pool, placement, queue, job):
            return
        async with pool.transaction() as db:
            await enter_platform(db)
            order = await placement.start(db, job.call_id, datetime.now(UTC))
        if order is not None:
            await _place(pool, placement, carriers, queue, job, order)

    return run


async def _is_due(pool: Pool, placement: CallPlacement, queue: DialQueue, job: PlaceCallJob) -> bool:
    """Returns whether to dial now: the call is queued, and its turn has come."""
    async with pool.transaction() as db:
        await enter_platform(db)
        waiting = await placement.find_waiting(db, job.call_id, datetime.now(UTC))
    if waiting is None:
        return False
    if waiting.is_repeat or waiting.is_stale:  # it will not be dialed, so it needs no turn
        return True
    return await queue.wait_for_turn(job, waiting.carrier, waiting.ahead)


async def _place(
    pool: Pool, placement: CallPlacement, carriers: Carriers, queue: DialQueue, job: PlaceCallJob, order: DialOrder
) -> None:
    """Has the carrier dial. Raises JobFailed if the carrier may have the call."""
    try:
        carrier = carriers.get(order.carrier)
        if order.is_repeat:
            found = await carrier.find_placed_calls(order.dial, order.since)
            await _confirm_found(pool, placement, carrier, order, found)
            return
        placed = await carrier.dial(order.dial)
    except CarrierRefused as refusal:
        await _fail(pool, placement, job.call_id, refusal.code)
    except NotProcessed as error:
        if order.is_repeat:
            raise JobFailed(f"carrier unavailable: {error.code}") from None
        log.warning("call.requeued", carrier=error.carrier, code=error.code, call_id=str(job.call_id))
        await queue.requeue(job, order.carrier, lambda db: placement.undo_start(db, job.call_id))
    except CarrierUnavailable as error:
        raise JobFailed(f"carrier unavailable: {error.code}") from None
    else:
        await _confirm(pool, placement, carrier, job.call_id, placed)


async def _confirm(pool: Pool, placement: CallPlacement, carrier: Carrier, call_id: UUID, placed: PlacedCall) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        is_wanted = await placement.confirm(db, call_id, placed, datetime.now(UTC))
    if not is_wanted:
        await _hang_up(carrier, placed.carrier_call_id)


async def _confirm_found(
    pool: Pool, placement: CallPlacement, carrier: Carrier, order: DialOrder, found: Sequence[PlacedCall]
) -> None:
    """Confirms the call among those that the first attempt may have placed.

    If none of them is ours after LOOKED_FOR, the call fails and is never dialed again, because it may have been dialed
    without our knowledge. If it rings after all, its webhooks are answered with a refusal.

    Raises:
        JobFailed: None of them is ours yet.
    """
    call_id, now = UUID(order.dial.call_id), datetime.now(UTC)
    async with pool.transaction() as db:
        await enter_platform(db)
        confirmed = await placement.confirm_found(db, call_id, found, now)
    if confirmed is not None:
        if not confirmed[1]:
            await _hang_up(carrier, confirmed[0])
    elif now - order.since < LOOKED_FOR:
        raise JobFailed("the carrier does not list the call yet")
    else:
        await _fail(pool, placement, call_id, "not_confirmed")


async def _fail(pool: Pool, placement: CallPlacement, call_id: UUID, detail: str) -> None:
    async with pool.transaction() as db:
        await enter_platform(db)
        await placement.fail(db, call_id, detail, datetime.now(UTC))


async def _hang_up(carrier: Carrier, carrier_call_id: str) -> None:
    """Ends a call that is no longer wanted."""
    try:
        await carrier.hang_up(carrier_call_id)
    except (CarrierRefused, CarrierUnavailable) as error:
        log.warning("call.hangup_failed", carrier=error.carrier, code=error.code)
