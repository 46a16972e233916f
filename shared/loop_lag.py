"""Measures how late an event loop runs its timers."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

PERIOD_S: Final = 0.025


@contextmanager
def measured_loop_lag(observe: Callable[[float], object]) -> Iterator[None]:
    """Call `observe` with the lag of the running loop in seconds, every PERIOD_S, while the block runs.

    A loop that was blocked for longer than a period gives one value, the longest lag.
    """
    meter = _LagMeter(asyncio.get_running_loop(), observe)
    try:
        yield
    finally:
        meter.stop()


class _LagMeter:
    """A timer that sets itself again. It is not a task, to keep the cost low on a loop with hundreds of calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, observe: Callable[[float], object]) -> None:
        self._loop, self._observe = loop, observe
        self._schedule()

    def stop(self) -> None:
        self._timer.cancel()

    def _schedule(self) -> None:
        self._due = self._loop.time() + PERIOD_S
        self._timer = self._loop.call_at(self._due, self._on_timer)

    def _on_timer(self) -> None:
        self._observe(max(0.0, self._loop.time() - self._due))
        self._schedule()
