"""Decides when an open call counts as lost. Pure functions, except for the clock of the process."""

import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Final

from control.calls.live.rules import FirstSeen
from control.calls.records.details import Absence
from control.calls.records.state import LONGEST_S, CallState, close

# Younger calls are not checked.
GRACE: Final = timedelta(seconds=30)
# How long a call in progress may be missing. A lost node is replaced within seconds.
MOST_MISSING: Final = timedelta(seconds=30)
# Two checks count as consecutive if they are at most this far apart.
LONGEST_PAUSE: Final = timedelta(seconds=35)
# A job that places a call gives up long before this.
LONGEST_QUEUED: Final = timedelta(minutes=15)
# Longer than any phone rings.
LONGEST_RINGING: Final = timedelta(minutes=3)
# While Redis is unavailable, it is unknown whether the call was answered, so the limit is generous.
LONGEST_RINGING_UNSEEN: Final = timedelta(minutes=30)
LONGEST: Final = timedelta(seconds=LONGEST_S + 600)
# A wrong clock is assumed to be off by no more than this.
CLOCK_ERROR: Final = timedelta(hours=1)
# A call that was not seen for this long is forgotten.
FORGET_S: Final = 600.0


class CallWatch:
    """Measures how long this process has seen each call in its state, independently of the wall clocks."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` returns monotonic seconds."""
        self._seen = FirstSeen(FORGET_S, clock)

    def seen(self, call: CallState) -> timedelta:
        """Returns how long the call was seen, from the age at which calls are looked at first."""
        return GRACE + timedelta(seconds=self._seen.age_s(f"{call.status} {call.id}"))


def next_state(call: CallState, is_live: bool | None, seen: timedelta, now: datetime) -> CallState:
    """Returns the state of the call from now on.

    Args:
        is_live: Whether a node reports the call; None if Redis is unavailable.
        seen: How long the call has been seen in its state.
    """
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
    # After a longer pause, there was no check or Redis was unavailable: Redis may have come back without its live
    # calls. A check in the future is from before the clock was set back.
    since = now if abs(now - missing.at) > LONGEST_PAUSE else missing.since
    if now - since >= MOST_MISSING:
        ended_at = max(since, call.answered_at or since)
        return _with_missing(close(call, "failed", "media_lost", None, ended_at, "control"), None)
    return _with_missing(call, replace(missing, since=since, at=now))


def _with_missing(call: CallState, missing: Absence | None) -> CallState:
    return replace(call, details=replace(call.details, missing=missing))
