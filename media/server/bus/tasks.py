"""Runs background tasks that use the bus, and counts their failures."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable
from shared.supervised_task import SupervisedTask

PAUSE_S: Final = 0.5


def start_bus_task(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> SupervisedTask:
    """Start a task that repeats a step, and restart the task if it ends.

    Args:
        part: The name in metrics and logs.
        step: A step that waits by itself.
    """
    return SupervisedTask(part, lambda: run_forever(part, step, metrics), metrics.process.count_death)


async def run_forever(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> NoReturn:
    """Repeat a step, which must wait by itself. Pauses for PAUSE_S while Redis is unavailable.

    Raises the step's internal errors, because a part that fails at every step is as dead as one that has ended.

    Args:
        part: The name in metrics.
    """
    while True:
        try:
            await step()
        except BusUnavailable:
            metrics.bus_failures.labels(part).inc()
            await asyncio.sleep(PAUSE_S)


async def wait_and_clear(event: asyncio.Event, within_s: float | None) -> None:
    """Wait for the event, at most `within_s`, and clear it."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()


async def stop_task(task: SupervisedTask | None) -> None:
    """Stop a task. Does nothing for None, which means that the task was never started."""
    if task is not None:
        await task.stop()
