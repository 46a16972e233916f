"""The one clock of the load: every line sends a frame each 20 ms, the lines spread evenly over those 20 ms."""

import asyncio
from collections.abc import Callable
from time import perf_counter

FRAME_S = 0.020
SLOTS = 10
SLOT_S = FRAME_S / SLOTS

Beat = Callable[[float], None]


class Pacer:
    """Calls each member once per 20 ms of an absolute clock; a late beat is made up for, never skipped.

    `lags` collects by how much each beat was late (seconds), so that a saturated generator cannot hide.
    """

    def __init__(self, clock: Callable[[], float] = perf_counter) -> None:
        self.lags: list[float] = []
        self._clock = clock
        self._slots: list[list[Beat]] = [[] for _ in range(SLOTS)]
        self._members = 0
        self._slot = 0
        self._due = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def join(self, beat: Beat) -> None:
        """`beat(now)` is called from now on."""
        self._slots[self._members % SLOTS].append(beat)
        self._members += 1

    def begin(self) -> None:
        """The first beat is due now."""
        self._due = self._clock()

    def start(self) -> None:
        """Begins, and beats by itself from now on. Needs a running loop."""
        self.begin()
        self._wake(asyncio.get_running_loop())

    def stop(self) -> None:
        """No beat after this."""
        if self._timer is not None:
            self._timer.cancel()

    def run_due(self) -> float:
        """Makes all beats that are due; returns the seconds until the next one."""
        while (now := self._clock()) >= self._due:
            self.lags.append(now - self._due)
            for beat in self._slots[self._slot]:
                beat(now)
            self._slot = (self._slot + 1) % SLOTS
            self._due += SLOT_S
        return self._due - now

    def _wake(self, loop: asyncio.AbstractEventLoop) -> None:
        # The loop's timers count whole milliseconds: a shorter wait would spin.
        self._timer = loop.call_later(max(0.001, self.run_due()), self._wake, loop)
