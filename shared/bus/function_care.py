"""Keeps media nodes' functions loaded in Redis, and ends scripts that run too long.

Control uses this module.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Final

import structlog
from redis.exceptions import ResponseError

from shared.bus import health, nodes, requests, tickets
from shared.bus.client import REDIS_ERRORS, BusClient, BusUnavailable
from shared.bus.functions import NOW_MS, NodeFunction, load_functions
from shared.supervised_task import SupervisedTask

log = structlog.get_logger()

NODE_FUNCTIONS: Final[tuple[NodeFunction, ...]] = (NOW_MS, nodes.BEAT, requests.PUT, tickets.CLAIM, health.EXCHANGE)
EVERY_S: Final = 1.0


@asynccontextmanager
async def function_care(redis: BusClient, every_s: float = EVERY_S) -> AsyncIterator[None]:
    """Check the functions every `every_s` seconds while the block runs. Redis may be unavailable."""
    task = SupervisedTask("bus.functions", partial(_care, redis, every_s), on_death=lambda _: None)
    try:
        yield
    finally:
        await task.stop()


async def check_functions(redis: BusClient) -> None:
    """Load the functions that are missing, and end a script that has kept Redis busy for longer than
    `busy-reply-threshold`.

    Raises BusUnavailable.
    """
    try:
        loaded = await load_functions(redis, NODE_FUNCTIONS)
    except BusUnavailable as error:
        if not _is_busy(error.__cause__):
            raise
        await _end_script(redis)
    else:
        if loaded:
            log.info("bus.functions_loaded", functions=loaded)


async def _care(redis: BusClient, every_s: float) -> None:
    while True:
        with suppress(BusUnavailable):  # the commands of calls report it
            await check_functions(redis)
        await asyncio.sleep(every_s)


async def _end_script(redis: BusClient) -> None:
    for kind, kill in (("script", redis.script_kill), ("function", redis.function_kill)):
        try:
            await kill()
            log.error("bus.script_ended", kind=kind)
        except ResponseError as error:
            # Only a restart of Redis ends a script that has written something.
            if str(error).startswith("UNKILLABLE"):
                log.error("bus.script_unkillable", kind=kind)
        except REDIS_ERRORS:
            pass


def _is_busy(error: BaseException | None) -> bool:
    return isinstance(error, ResponseError) and str(error).startswith("BUSY ")
