"""The worker's heartbeat: one timer for all calls instead of several per call."""

import asyncio
from collections.abc import Callable

PERIOD_S = 0.02
# Every call is ticked once in this many beats, its neighbours in other beats, so that no beat is long.
SLOTS = 12
SWEEP_BEATS = 50


class Pulse:
    """Every 20 ms: `judge()`; a twelfth of the members is ticked; once a second `sweep()`."""

    def __init__(self, judge: Callable[[], object], sweep: Callable[[], None]) -> None:
        self._judge = judge
        self._sweep = sweep
        self._slots: list[dict[object, Callable[[], None]]] = [{} for _ in range(SLOTS)]
        self._beat = 0
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Begins to beat on the running loop."""
        loop = asyncio.get_running_loop()
        self._next = loop.time() + PERIOD_S
        self._timer = loop.call_at(self._next, self._on_beat, loop)

    def stop(self) -> None:
        """Stops beating."""
        if self._timer is not None:
            self._timer.cancel()

    def add(self, key: object, tick: Callable[[], None]) -> None:
        """Ticks a member about four times a second."""
        min(self._slots, key=len)[key] = tick

    def remove(self, key: object) -> None:
        """No longer ticks it; unknown keys are ignored."""
        for slot in self._slots:
            slot.pop(key, None)

    def _on_beat(self, loop: asyncio.AbstractEventLoop) -> None:
        # Beats that were missed are not made up for: the next one comes a full period after now.
        self._next += PERIOD_S
        if self._next <= loop.time():
            self._next = loop.time() + PERIOD_S
        self._timer = loop.call_at(self._next, self._on_beat, loop)
        self._beat += 1
        # Each tick is a callback of its own: one that fails is told to the loop and spares its neighbours.
        slot = self._slots[self._beat % SLOTS]
        for key in slot:
            loop.call_soon(self._tick, slot, key)
        if self._beat % SWEEP_BEATS == 0:
            loop.call_soon(self._sweep)
        self._judge()

    def _tick(self, slot: dict[object, Callable[[], None]], key: object) -> None:
        tick = slot.get(key)
        if tick is not None:
            tick()
