"""Closes calls that nobody holds any more, so that none stays open for good and takes a slot of its workspace.

A media node reports its calls in progress every few seconds. A call that no node reports is marked as missing at first;
after half a minute, with Redis available all the time, it counts as lost. A call that never got in progress, or is open
for longer than any call may be, is closed whether Redis is available or not.
"""

from collections.abc import Collection, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.calls import store, store_reaper
from control.calls.details import Absence
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
BATCH: Final = 500

log = structlog.get_logger()


async def reap_calls(pool: Pool, media_assignment: MediaAssignment, now: datetime) -> int:
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
        ended = await _close_lost(pool, calls, live, now)
        with suppress(BusUnavailable):  # then the conversations expire by themselves
            await media_assignment.forget_conversations(ended)
        count += len(ended)
        after = calls[-1].id
    if count:
        log.warning("call.reaped", count=count)
    return count


def next_state(call: CallState, is_live: bool | None, now: datetime) -> CallState:
    """The call's state from now on. is_live: a node reports it; None when Redis is unavailable."""
    if call.is_final:
        return call
    age = now - call.created_at
    if call.status == "in_progress":
        since = call.answered_at or call.created_at
        if now - since > LONGEST:
            return close(call, "failed", "media_lost", "open_too_long", now, "control")
        return _next_in_progress(call, is_live, now)
    if is_live:
        return call
    if call.status == "queued":
        return call if age <= LONGEST_QUEUED else close(call, "failed", "carrier_error", "not_placed", now, "control")
    bound = LONGEST_RINGING if is_live is False else LONGEST_RINGING_UNSEEN
    rung = now - (call.started_at or call.created_at)
    return call if rung <= bound else close(call, "no_answer", None, "rang_too_long", now, "control")


def _next_in_progress(call: CallState, is_live: bool | None, now: datetime) -> CallState:
    if is_live is None:
        return call
    if is_live:
        return _with_missing(call, None)
    missing = call.details.missing or Absence(since=now, at=now)
    # After a pause nobody looked, or Redis was unavailable: it may have come back just now, without its live calls.
    since = now if now - missing.at > LONGEST_PAUSE else missing.since
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
    pool: Pool, calls: Sequence[CallState], live: Collection[UUID] | None, now: datetime
) -> list[UUID]:
    """Closes those of the calls that are lost; returns their ids. Locks only the calls that change, and decides again
    with the locked rows."""
    suspects = [call.id for call in calls if next_state(call, _is_live(call, live), now) != call]
    if not suspects:
        return []
    async with pool.transaction() as db:
        await enter_platform(db)
        locked = (await store.lock_states(db, suspects)).values()
        changed = [(old, new) for old in locked if (new := next_state(old, _is_live(old, live), now)) != old]
        await save_changes(db, changed)
        ended = [new for _, new in changed if new.is_final]
        for call in ended:
            await enqueue_hangup(db, call, "media_lost")
    return [call.id for call in ended]


def _is_live(call: CallState, live: Collection[UUID] | None) -> bool | None:
    return None if live is None else call.id in live
