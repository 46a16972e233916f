"""A timer for a remote deadline that excludes the time by which this process's event loop was late."""

import asyncio
import math
from collections.abc import Callable
from types import TracebackType
from typing import Final

# The interval at which the loop's lateness is measured. An answer passes the loop several times before it is read
# (socket, TLS, parser, task), so a single measurement at the end would not be enough.
STEP_S: Final = 1 / 16
# A timer that fires this much too late counts as late. An idle loop is 1 to 2 ms late.
TOLERANCE_S: Final = 0.01
# The maximum lateness that is added to one limit, because a caller waits no matter which side is late.
MOST_LATE_S: Final = 2.0
# The resolution of timers: they may fire this much early, and a shorter rest is not waited for.
_RESOLUTION_S: Final = 0.001


def _do_nothing() -> None:
    pass


class DeadlineTimer:
    """Calls `on_expired` once, `limit_s` seconds after the start, unless the timer is canceled.

    A process that gets too little CPU time, or blocks, reads answers late and would blame a healthy provider.
    Therefore, a limit is measured in steps: the lateness of each step is added to the limit. After a late step, another
    step follows, because the answer may have arrived without being read.

    Args:
        limit_s: The limit in seconds. None means that the timer runs only after `restart`.

    Attributes:
        late_s: The seconds of lateness that were added to the current limit.
    """

    __slots__ = ("_expires_at", "_handle", "_loop", "_on_expired", "_step_ends", "late_s")

    def __init__(self, limit_s: float | None, on_expired: Callable[[], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._on_expired = on_expired
        self._handle: asyncio.TimerHandle | None = None  # the timer of the current step
        self._step_ends = 0.0
        self.restart(limit_s)

    def restart(self, limit_s: float | None) -> None:
        """Replace the limit with one that starts now. None removes the limit.

        The running step continues if possible, because a new event loop timer for each item of a stream would cost
        more. An overdue step is replaced, because its lateness occurred before this limit.
        """
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
        """Stop the timer for good."""
        self._stop_step()
        self._on_expired = _do_nothing  # the callback may refer back to this timer

    def _start_step(self, now: float) -> None:
        self._stop_step()
        self._step_ends = min(now + STEP_S, self._expires_at)
        self._handle = self._loop.call_at(self._step_ends, self._end_step)

    def _stop_step(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None  # a handle that has run also refers back to this timer

    def _end_step(self) -> None:
        self._handle = None
        if self._expires_at == math.inf:
            return  # the timer stays stopped until `restart`
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
    """A context manager like `asyncio.timeout`, but with a DeadlineTimer. Raises TimeoutError. Can be used only
    once."""

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
