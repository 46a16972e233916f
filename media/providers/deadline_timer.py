"""A timer for a remote deadline that does not count time in which our event loop was late."""

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Final

# How often the loop's lateness is measured. An answer passes the loop several times before it is seen (socket, TLS,
# parser, task), so that one measurement at the end would be too few.
STEP_S: Final = 1 / 16
# A timer that fires by this much too late was late; an idle loop needs 1 to 2 ms.
TOLERANCE_S: Final = 0.01
# So much lateness of ours is left out of one limit, at most: a caller waits whoever is late.
MOST_LATE_S: Final = 2.0
# Timers fire this much early, or not at all for shorter times.
_RESOLUTION_S: Final = 0.001


def _do_nothing() -> None:
    pass


class DeadlineTimer:
    """Calls `on_expired`, once, when `limit_s` seconds have passed, unless it is cancelled. None: there is no limit
    until `restart`.

    A process that gets too little of its core, or blocks, reads answers late, and would blame that on a healthy
    provider. So a limit is measured in steps. What a step is late by is added to the limit, and after a late step one
    more follows, because the answer may be there and unread. late_s: what was added so far.
    """

    __slots__ = ("_expires_at", "_handle", "_loop", "_on_expired", "_step_ends", "late_s")

    def __init__(self, limit_s: float | None, on_expired: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_expired = on_expired
        self._handle: asyncio.TimerHandle | None = None  # of the step
        self._step_ends = 0.0
        self.restart(limit_s)

    def restart(self, limit_s: float | None) -> None:
        """Sets a limit from now on, in place of the one before. None: there is none. The step that runs goes on where
        it can, because a new timer of the event loop for each of a stream's items costs more. One that is overdue does
        not: its lateness was before this limit."""
        self.late_s = 0.0
        if limit_s is None:
            self._expires_at = math.inf
            return
        now = self._loop.time()
        self._expires_at = now + limit_s
        is_overdue = now - self._step_ends > TOLERANCE_S
        if self._handle is None or is_overdue or self._expires_at < self._step_ends:
            self._start_step(now)

    def cancel(self) -> None:
        """Does not expire any more, and is not used any more."""
        self._stop_step()
        self._on_expired = _do_nothing  # it may refer back to this timer

    def _start_step(self, now: float) -> None:
        self._stop_step()
        self._step_ends = min(now + STEP_S, self._expires_at)
        self._handle = self._loop.call_at(self._step_ends, self._end_step)

    def _stop_step(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None  # one that has run refers back, too

    def _end_step(self) -> None:
        self._handle = None
        if self._expires_at == math.inf:
            return  # until `restart`
        now = self._loop.time()
        late_s = now - self._step_ends
        if late_s > TOLERANCE_S:
            self._extend(max(late_s, now + STEP_S - self._expires_at))
        if self._expires_at - now > _RESOLUTION_S:
            self._start_step(now)
        else:
            on_expired = self._on_expired
            self.cancel()
            on_expired()

    def _extend(self, seconds: float) -> None:
        added = min(seconds, MOST_LATE_S - self.late_s)
        self.late_s += added
        self._expires_at += added


class DeadlineScope:
    """As `asyncio.timeout`, by a DeadlineTimer: an asynchronous context that raises TimeoutError. Used once."""

    __slots__ = ("_limit_s", "_scope", "_timer")

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._scope = asyncio.timeout(None)

    async def __aenter__(self) -> "DeadlineScope":
        await self._scope.__aenter__()
        self._timer = DeadlineTimer(self._limit_s, self._expire)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._scope.__aexit__(kind, error, traceback)

    def _expire(self) -> None:
        self._scope.reschedule(asyncio.get_running_loop().time())
