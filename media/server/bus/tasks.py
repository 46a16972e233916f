"""Background tasks that talk to the bus: they run until they are cancelled, and failures are counted."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, NoReturn

import structlog

from media.server.metrics import Metrics
from shared.bus.client import BusUnavailable

log = structlog.get_logger()

PAUSE_S: Final = 0.5
CANCEL_AGAIN_S: Final = 0.05


async def run_forever(part: str, step: Callable[[], Awaitable[None]], metrics: Metrics) -> NoReturn:
    """Repeats a step, which has to wait by itself. Pauses PAUSE_S after a failure. part: name for metrics and logs."""
    while True:
        try:
            await step()
        except BusUnavailable:
            metrics.bus_failures.labels(part).inc()
            await asyncio.sleep(PAUSE_S)
        except Exception:  # an internal error in one part must end neither the calls nor this part
            log.exception("bus_task.crashed", part=part)
            await asyncio.sleep(PAUSE_S)


async def wait_and_clear(event: asyncio.Event, within_s: float | None) -> None:
    """Waits for the event, at most `within_s`, and clears it."""
    try:
        async with asyncio.timeout(within_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()


async def cancel_and_wait(task: asyncio.Task[None] | None) -> None:
    """Cancels a task until it has ended. Once is not enough, because the Redis client swallows a cancellation while it
    connects."""
    while task is not None and not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_S)
