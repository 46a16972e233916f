"""When a queued call is dialled: at its carrier's pace, and again later when it was surely not placed.

A job that has to wait is enqueued anew with the time that was reserved for it, so that waiting calls take no place of a
worker; only the last moment is waited for within the job, because the job queue looks for delayed jobs every few
seconds (control/db/jobs.py, `poll_every_s`).
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final
from uuid import UUID

import msgspec

from control.carriers.pacer import CallPacer
from control.carriers.rules import CarrierName
from control.db.jobs import enqueue
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform

PLACE_CALL: Final = "calls.place"
# The longest wait within a job, and the most calls that wait there: half of what a worker runs at once.
HELD_S: Final = 6.0
MOST_HELD: Final = 8
# A reserved time that is missed by more is given up. Otherwise calls that were late together would begin together.
MISSED_S: Final = 0.25
# A job comes when its time is near. One whose time is further away than so many seconds more has a time by another
# clock: that of this machine, or of the one that reserved it, was set meanwhile. It gets a new time.
STRAY_S: Final = 30.0
# The times that calls of one workspace hold at once: as many as wait within a job, at least so many seconds of the
# pace. More would delay the calls of other workspaces, fewer would leave times unused while jobs are found.
SHARE_S: Final = 2.0
# Waits after a carrier refused for now, in seconds; they double.
FIRST_BACK_OFF_S: Final = 1.0
LONGEST_BACK_OFF_S: Final = 60.0


class PlaceCallJob(msgspec.Struct, frozen=True):
    """Payload of the job that dials a call. turn_at: the time reserved for it, in seconds since the epoch; 0 for none.
    refusals: how often the carrier did not process the request."""

    call_id: UUID
    turn_at: float = 0.0
    refusals: int = 0


async def enqueue_dial(db: Connection, job: PlaceCallJob, delay_s: float = 0.0) -> None:
    """Enqueues the job within the current transaction."""
    await enqueue(db, PLACE_CALL, msgspec.json.encode(job), delay_s=delay_s)


@dataclass(frozen=True, slots=True)
class DialQueue:
    """clock: seconds since the epoch. sleep: as asyncio's."""

    pool: Pool
    pacer: CallPacer
    clock: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def wait_for_turn(self, job: PlaceCallJob, carrier: CarrierName, ahead: int = 0) -> bool:
        """Whether the call is to be dialled now; else its job was enqueued for later. ahead: calls of its workspace
        that wait to be dialled before it; while they use up the workspace's share, the call gets no time yet."""
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
        """Enqueues a call again that the carrier did not process; all calls of the account wait as long. undo: takes
        back that the call is being dialled, in the same transaction."""
        wait_s = back_off_s(job.refusals) * random.uniform(0.5, 1.0)
        at = self.clock() + await self.pacer.reserve(carrier, wait_s)
        async with self.pool.transaction() as db:
            await enter_platform(db)
            await undo(db)
            held_s = min(HELD_S, MOST_HELD / self.pacer.calls_per_s(carrier))
            delay_s = max(0.0, at - self.clock() - held_s)
            await enqueue_dial(db, PlaceCallJob(job.call_id, at, job.refusals + 1), delay_s)


def back_off_s(refusals: int) -> float:
    """The wait after so many refusals before this one."""
    return float(min(FIRST_BACK_OFF_S * 2 ** min(refusals, 30), LONGEST_BACK_OFF_S))
