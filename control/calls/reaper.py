"""Calls that nobody holds any more: closed, so that none stays open for good and takes a place of its workspace.

A call in progress is told of by its media node every few seconds. One that none tells of is noted at first; when it has
stayed so for half a minute, with Redis answering all the time, it is lost. What never got so far, or has been open for
longer than any call may be, is closed whatever Redis says.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.calls import store, store_reaper
from control.calls.handover import Handover
from control.calls.hanging import hang_up
from control.calls.policy import LONGEST_S
from control.calls.putting import put
from control.calls.state import State, closed
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusAway

# Younger calls are left alone.
GRACE: Final = timedelta(seconds=30)
# How long a call in progress may go untold of; a node that is lost is replaced within seconds.
UNTOLD: Final = timedelta(seconds=30)
# Two looks belong together when they are no further apart.
UNLOOKED: Final = timedelta(seconds=35)
# A job that places a call gives it up long before this.
LONGEST_QUEUED: Final = timedelta(minutes=15)
# Longer than any ring lasts.
LONGEST_RINGING: Final = timedelta(minutes=3)
# Redis is away: whether the call was taken by now is not known, so rather too late.
LONGEST_RINGING_UNSEEN: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(seconds=LONGEST_S + 600)
BATCH: Final = 500

log = structlog.get_logger()


async def reap(pool: Pool, handover: Handover, now: datetime) -> int:
    """Looks at all open calls once; returns how many were closed. Safe to run several times at once."""
    after: UUID | None = None
    done = 0
    while True:
        calls = await _open(pool, now, after)
        if not calls:
            break
        try:
            live: Collection[UUID] | None = await handover.live([call.id for call in calls])
        except BusAway:
            live = None
        ended = await _judge(pool, calls, live, now)
        with suppress(BusAway):  # then they fade by themselves
            await handover.forget(ended)
        done += len(ended)
        after = calls[-1].id
    if done:
        log.warning("calls.reaped", count=done)
    return done


def judged(call: State, is_live: bool | None, now: datetime) -> State:
    """The call as it is to be from now on. is_live: a node tells of it; None when Redis cannot be asked."""
    if call.is_final:
        return call
    age = now - call.created_at
    if call.status == "in_progress":
        since = call.answered_at or call.created_at
        if now - since > LONGEST:
            return closed(call, "failed", "media_lost", "open_too_long", now, "control")
        return _unless_told_of(call, is_live, now)
    if is_live:
        return call
    if call.status == "queued":
        return call if age <= LONGEST_QUEUED else closed(call, "failed", "carrier_error", "not_placed", now, "control")
    bound = LONGEST_RINGING if is_live is False else LONGEST_RINGING_UNSEEN
    rung = now - (call.started_at or call.created_at)
    return call if rung <= bound else closed(call, "no_answer", None, "rang_too_long", now, "control")


def _unless_told_of(call: State, is_live: bool | None, now: datetime) -> State:
    if is_live is None:
        return call
    if is_live:
        return _present(call)
    missing = call.details.get("missing", {"since": now.isoformat(), "at": now.isoformat()})
    since, at = datetime.fromisoformat(missing["since"]), datetime.fromisoformat(missing["at"])
    if now - at > UNLOOKED:
        # Nobody looked in between, or Redis was away: it may have come back just now, without those who live.
        since = now
    if now - since >= UNTOLD:
        return _present(closed(call, "failed", "media_lost", None, max(since, call.answered_at or since), "control"))
    return call.noted(missing={"since": since.isoformat(), "at": now.isoformat()})


def _present(call: State) -> State:
    return replace(call, details={name: value for name, value in call.details.items() if name != "missing"})


async def _open(pool: Pool, now: datetime, after: UUID | None) -> list[State]:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await store_reaper.select_open(db, now - GRACE, after, BATCH)


async def _judge(pool: Pool, calls: Sequence[State], live: Collection[UUID] | None, now: datetime) -> list[UUID]:
    """Those that were closed. Only those about which something is to be written are held, and looked at anew."""
    suspects = [call.id for call in calls if judged(call, _is_live(call, live), now) != call]
    if not suspects:
        return []
    async with pool.transaction() as db:
        await enter_platform(db)
        held = (await store.lock_states(db, suspects)).values()
        changed = [(old, new) for old in held if (new := judged(old, _is_live(old, live), now)) != old]
        await put(db, changed)
        ended = [new for _, new in changed if new.is_final]
        for call in ended:
            await hang_up(db, call, "media_lost")
    return [call.id for call in ended]


def _is_live(call: State, live: Collection[UUID] | None) -> bool | None:
    return None if live is None else call.id in live
