"""One timer for all calls of a worker, instead of several per call."""

import asyncio
from collections.abc import Callable

PERIOD_S = 0.02
# Each member is ticked once in this many periods, and different members in different periods, so that each period is
# short.
SLOTS = 12
CHECK_PERIODS = 50


class CallTicker:
    """Calls `run_vad` every 20 ms and ticks a twelfth of the members. Calls `check_limits` once a second."""

    def __init__(self, run_vad: Callable[[], object], check_limits: Callable[[], None]) -> None:
        self._run_vad = run_vad
        self._check_limits = check_limits
        self._slots: list[dict[object, Callable[[], None]]] = [{} for _ in range(SLOTS)]
        self._period = 0
        self._next = 0.0
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Start on the running loop."""
        loop = asyncio.get_running_loop()
        self._next = loop.time() + PERIOD_S
        self._timer = loop.call_at(self._next, self._on_timer, loop)

    def stop(self) -> None:
        """Stop the ticker. May be called before the start."""
        if self._timer is not None:
            self._timer.cancel()

    def add(self, key: object, tick: Callable[[], None]) -> None:
        """Call `tick` about four times a second."""
        min(self._slots, key=len)[key] = tick

    def remove(self, key: object) -> None:
        """Stop ticking a member. Unknown keys are ignored."""
        for slot in self._slots:
            slot.pop(key, None)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        # Missed periods are skipped: the next period begins a full period after the current time.
        self._next += PERIOD_S
        if self._next <= loop.time():
            self._next = loop.time() + PERIOD_S
        self._timer = loop.call_at(self._next, self._on_timer, loop)
        self._period += 1
        # Each tick is a separate callback, so that an exception goes to the loop's handler and does not stop other
        # ticks.
        slot = self._slots[self._period % SLOTS]
        for key in slot:
            loop.call_soon(self._tick, slot, key)
        if self._period % CHECK_PERIODS == 0:
            loop.call_soon(self._check_limits)
        self._run_vad()

    def _tick(self, slot: dict[object, Callable[[], None]], key: object) -> None:
        tick = slot.get(key)
        if tick is not None:
            tick()
