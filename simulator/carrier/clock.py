"""The clock that paces frames: real time, accelerated time, or time that a test controls."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """A clock in seconds of call time."""

    def now(self) -> float:
        """Seconds of call time."""

    async def wait_until(self, moment: float) -> None:
        """Return at `moment`. If `moment` has passed, yield to other tasks first."""


class RealTimeClock:
    """The monotonic clock multiplied by `speed`. Waits end at absolute times, so delays do not accumulate."""

    def __init__(self, speed: float = 1.0) -> None:
        self._speed = speed
        self._origin = time.monotonic()

    def now(self) -> float:
        """Seconds since this clock was created, times the speed."""
        return (time.monotonic() - self._origin) * self._speed

    async def wait_until(self, moment: float) -> None:
        """Sleep until `moment`."""
        await asyncio.sleep(max(0.0, (moment - self.now()) / self._speed))
