"""Closes calls that nobody holds any more, so that none stays open for good and takes a slot of its workspace.

A media node reports its calls in progress every few seconds. A call that no node reports is marked as missing at first;
after half a minute, with Redis available all the time, it counts as lost. A call that never got in progress, or is open
for longer than any call may be, is closed whether Redis is available or not.

Ages are told by the wall clocks of several machines, and one that is set by an hour must end no call: a call that rings
or waits is closed only if this process has also seen it do so for as long, and one that a node reports gets an hour
more.
"""

import time
from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.calls import store, store_reaper
from control.calls.details import Absence
from control.calls.first_seen import FirstSeen
from control.calls.hangup import enqueue_hangup
from control.calls.media_assignment import MediaAssignment
from control.calls.policy import LONGEST_S
from control.calls.state import CallState, close
from control.calls.state_changes import save_changes
from control.db.pool import Pool
from control.db.scope import enter_platform
from shared.bus.client import BusUnavailable

# Younger calls are not looked at.
GRACE: Final = timedelta(seconds=30)
# How long a call in progress may be missing; a lost node is replaced within seconds.
MOST_MISSING: Final = timedelta(seconds=30)
# Two looks belong together when they are no further apart.
LONGEST_PAUSE: Final = timedelta(seconds=35)
# A job that places a call gives up long before this.
LONGEST_QUEUED: Final = timedelta(minutes=15)
# Longer than any phone rings.
LONGEST_RINGING: Final = timedelta(minutes=3)
# While Redis is unavailable it is unknown whether the call was answered, so it is closed rather too late.
LONGEST_RINGING_UNSEEN: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(seconds=LONGEST_S + 600)
# A clock that was set is assumed to be wrong by no more.
CLOCK_ERROR: Final = timedelta(hours=1)
# What was not seen for so long is forgotten.
FORGET_S: Final = 600.0
BATCH: Final = 500

log = structlog.get_logger()


class CallWatch:
    """For how long this process has seen each call in its state, whatever the wall clocks say."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """clock: seconds, never going back."""
        self._seen = FirstSeen(FORGET_S, clock)

    def seen(self, call: CallState) -> timedelta:
        """Counts from the age at which calls are looked at first."""
        return GRACE + timedelta(seconds=self._seen.age_s(f"{call.status} {call.id}"))


async def reap_calls(pool: Pool, media_assignment: MediaAssignment, watch: CallWatch, now: datetime) -> int:
    """Looks at all open calls once; returns how many were closed. Several processes may do so at once."""
    after: UUID | None = None
    count = 0
    while True:
        calls = await _select_open(pool, now, after)
        if not calls:
            break
        try:
            live: Collection[UUID] | None = await media_assignment.find_live([call.id for call in calls])
        except BusUnavailable:
            live = None
        ended = await _close_lost(pool, calls, live, watch, now)
        with suppress(BusUnavailable):  # then the conversations expire by themselves
            await media_assignment.forget_conversations(ended)
        count += len(ended)
        after = calls[-1].id
    if count:
        log.warning("call.reaped", count=count)
    return count


def next_state(call: CallState, is_live: bool | None, seen: timedelta, now: datetime) -> CallState:
    """The call's state from now on. is_live: a node reports it; None when Redis is unavailable. seen: how long it has
    been seen in its state."""
    if call.is_final:
        return call
    age = min(seen, now - call.created_at)
    if call.status == "in_progress":
        since = call.answered_at or call.created_at
        if now - since > (LONGEST + CLOCK_ERROR if is_live else LONGEST):
            return close(call, "failed", "media_lost", "open_too_long", now, "control")
        return _next_in_progress(call, is_live, now)
    if is_live:
        return call
    if call.status == "queued":
        return call if age <= LONGEST_QUEUED else close(call, "failed", "carrier_error", "not_placed", now, "control")
    bound = LONGEST_RINGING if is_live is False else LONGEST_RINGING_UNSEEN
    rung = min(seen, now - (call.started_at or call.created_at))
    return call if rung <= bound else close(call, "no_answer", None, "rang_too_long", now, "control")


def _next_in_progress(call: CallState, is_live: bool | None, now: datetime) -> CallState:
    if is_live is None:
        return call
    if is_live:
        return _with_missing(call, None)
    missing = call.details.missing or Absence(since=now, at=now)
    # After a pause nobody looked, or Redis was unavailable: it may have come back just now, without its live calls. A
    # look in the future was before the clock was put back.
    since = now if abs(now - missing.at) > LONGEST_PAUSE else missing.since
    if now - since >= MOST_MISSING:
        ended_at = max(since, call.answered_at or since)
        return _with_missing(close(call, "failed", "media_lost", None, ended_at, "control"), None)
    return _with_missing(call, replace(missing, since=since, at=now))


def _with_missing(call: CallState, missing: Absence | None) -> CallState:
    return replace(call, details=replace(call.details, missing=missing))


async def _select_open(pool: Pool, now: datetime, after: UUID | None) -> list[CallState]:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await store_reaper.select_open(db, now - GRACE, after, BATCH)


async def _close_lost(
    pool: Pool, calls: Sequence[CallState], live: Collection[UUID] | None, watch: CallWatch, now: datetime
) -> list[UUID]:
    """Closes those of the calls that are lost; returns their ids. Locks only the calls that change, and decides again
    with the locked rows."""

    def decide(call: CallState) -> CallState:
        return next_state(call, _is_live(call, live), watch.seen(call), now)

    suspects = [call.id for call in calls if decide(call) != call]
    if not suspects:
        return []
    async with pool.transaction() as db:
        await enter_platform(db)
        locked = (await store.lock_states(db, suspects)).values()
        changed = [(old, new) for old in locked if (new := decide(old)) != old]
        await save_changes(db, changed)
        ended = [new for _, new in changed if new.is_final]
        for call in ended:
            await enqueue_hangup(db, call, "media_lost")
    return [call.id for call in ended]


def _is_live(call: CallState, live: Collection[UUID] | None) -> bool | None:
    return None if live is None else call.id in live
