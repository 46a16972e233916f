"""Runs background tasks that use the bus, and counts their failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable
from shared.supervised_task import SupervisedTask

PAUSE_S: Final = 0.5


def start_bus_task(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> SupervisedTask:
    """Starts a task that repeats a step, which has to wait by itself; should it end, it is started again. part: name
    for metrics and logs."""
    return SupervisedTask(part, lambda: run_forever(part, step, metrics), metrics.process.count_death)


async def run_forever(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> NoReturn:
    """Repeats a step, which has to wait by itself. Pauses PAUSE_S while Redis is unavailable. part: name for metrics.
    Raises the step's internal errors: a part that fails at each step works no more than one that has ended."""
    while True:
        try:
            await step()
        except BusUnavailable:
            metrics.bus_failures.labels(part).inc()
            await asyncio.sleep(PAUSE_S)


async def wait_and_clear(event: asyncio.Event, within_s: float | None) -> None:
    """Waits for the event, at most `within_s`, and clears it."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()


async def stop_task(task: SupervisedTask | None) -> None:
    """Stops a task; None for one that was never started."""
    if task is not None:
        await task.stop()
