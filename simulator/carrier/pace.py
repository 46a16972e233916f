"""When the next frame is due: the line's clock, real or driven by a test."""

import asyncio
import time
from typing import Protocol


class Pace(Protocol):
    """A clock in seconds of call time, and the wait for a moment on it."""

    def now(self) -> float:
        """Seconds of call time."""

    async def until(self, moment: float) -> None:
        """Returns when `moment` has come; at once (but after other tasks had a turn) when it's past."""


class RealTime:
    """The wall's clock, or `speed` times as fast. Moments are absolute, so lateness never adds up."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._origin = time.monotonic()

    def now(self) -> float:
        """Seconds since this clock was made, times the speed."""
        return (time.monotonic() - self._origin) * self._speed

    async def until(self, moment: float) -> None:
        """Sleeps until the moment."""
        await asyncio.sleep(max(0.0, (moment - self.now()) / self._speed))
