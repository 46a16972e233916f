"""Collects garbage in small steps, because all calls of the process wait during a collection.

The objects of a call are freed with their last reference (`shared/refcycles.py`). The collector is for unknown cycles,
for example in libraries. It runs whenever a number of new objects still exist: 400 calls create 500 such objects per
second, because conversations grow. Checking an object takes 1 to 6 us, because most objects are in no CPU cache.
"""

import asyncio
import gc
from collections.abc import Callable
from typing import Final

CHECK_S: Final = 1.0
# New objects are collected when there are this many, which takes up to 7 ms with 400 calls.
YOUNG: Final = 1_000
# Objects that survive this many collections of young objects are checked once more and then frozen, so that they are
# not checked again during calls.
AGEING: Final = 10
NEVER: Final = 1_000_000
# All objects are checked while no call runs, if calls ran since the last check. A node that always has calls pauses for
# about 0.3 s.
IDLE_S: Final = 60.0
BUSY_S: Final = 3_600.0


class CycleCollector:
    """The garbage collector of this process. Must be created on the running loop.

    Args:
        is_idle: Returns whether no call runs.
    """

    def __init__(self, is_idle: Callable[[], bool]) -> None:
        self._is_idle = is_idle
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None
        self._had_calls = False
        self._looked_at = 0.0

    def start(self) -> None:
        """Freeze all loaded objects. From now on, only young objects are collected, except by `_check`."""
        self._collect_all()
        gc.set_threshold(YOUNG, AGEING, NEVER)
        self._timer = self._loop.call_later(CHECK_S, self._check)

    def stop(self) -> None:
        """Stop the collector. May be called before the start."""
        if self._timer is not None:
            self._timer.cancel()

    def _check(self) -> None:
        self._timer = self._loop.call_later(CHECK_S, self._check)
        is_idle = self._is_idle()
        self._had_calls = self._had_calls or not is_idle
        due_s = IDLE_S if is_idle else BUSY_S
        if self._had_calls and self._loop.time() - self._looked_at >= due_s:
            self._collect_all()
            self._had_calls = not is_idle
        elif gc.get_count()[2]:
            gc.freeze()

    def _collect_all(self) -> None:
        gc.unfreeze()
        gc.collect()
        gc.freeze()
        self._looked_at = self._loop.time()
