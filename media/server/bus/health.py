"""Loops that talk to the bus: they go on for ever, and what fails is told once and counted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog

from media.server.metrics import Metrics
from shared.bus.client import BusAway

log = structlog.get_logger()

PAUSE_S: Final = 0.5
AGAIN_S: Final = 0.05


class Health:
    """Whether Redis answers, as the node's own sign of life finds it."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self.away = True  # until the first answer
        self._told = False

    def up(self) -> None:
        """It answered."""
        if self.away:
            log.info("bus.up")
        self.away = self._told = False
        self._metrics.bus_up.set(1)

    def down(self, why: str) -> None:
        """It did not."""
        if not self._told:
            log.warning("bus.away", error=why)
        self.away = self._told = True
        self._metrics.bus_up.set(0)


async def forever(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> NoReturn:
    """Repeats a step, which waits by itself; pauses when the bus is away. Ends by being cancelled only."""
    while True:
        try:
            await step()
        except BusAway:
            metrics.bus_failures.labels(part).inc()
            await asyncio.sleep(PAUSE_S)
        except Exception:  # a fault of ours in one part must not end the calls, nor the part itself
            log.exception("bus.crashed", part=part)
            await asyncio.sleep(PAUSE_S)


async def woken(event: asyncio.Event, within_s: float | None) -> None:
    """Waits for the event, at most so long, and takes it back."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()


async def stopped(task: asyncio.Task[None] | None) -> None:
    """Cancels a task until it is over: once is not enough, for the Redis client swallows a cancellation while it
    connects."""
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=AGAIN_S)
