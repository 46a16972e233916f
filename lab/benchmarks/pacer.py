"""Paces the load: every line sends a frame every 20 ms; the lines are spread evenly over these 20 ms."""

import asyncio
from collections.abc import Callable
from time import perf_counter

FRAME_S = 0.020
SLOTS = 10
SLOT_S = FRAME_S / SLOTS

FrameCallback = Callable[[float], None]


class Pacer:
    """Calls each member every 20 ms on an absolute clock. Late calls are made up for, not skipped.

    lags: how late each slot was, in seconds; it shows a saturated generator.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.lags: list[float] = []
        self._clock = clock
        self._slots: list[list[FrameCallback]] = [[] for _ in range(SLOTS)]
        self._members = 0
        self._slot = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, send_frame: FrameCallback) -> None:
        """Adds a member: `send_frame(now)` is called from now on."""
        self._slots[self._members % SLOTS].append(send_frame)
        self._members += 1

    def begin(self) -> None:
        """Makes the first slot due now."""
        self._due = self._clock()

    def start(self) -> None:
        """Starts the timer. Needs a running loop."""
        self.begin()
        self._wake(asyncio.get_running_loop())

    def stop(self) -> None:
        """Stops the timer."""
        if self._timer is not None:
            self._timer.cancel()

    def run_due(self) -> float:
        """Runs all slots that are due; returns the seconds until the next one."""
        while (now := self._clock()) >= self._due:
            self.lags.append(now - self._due)
            for send_frame in self._slots[self._slot]:
                send_frame(now)
            self._slot = (self._slot + 1) % SLOTS
            self._due += SLOT_S
        return self._due - now

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop's timers have a resolution of 1 ms: a shorter wait would spin.
        self._timer = loop.call_later(max(0.001, self.run_due()), self._wake, loop)
