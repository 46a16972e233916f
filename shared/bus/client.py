"""The connection to Redis: every wait bounded, every failure one error."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

PREFIX: Final = "vocalized:"


class BusAway(Exception):
    """Redis cannot be reached, or did not answer in time; the message holds no data."""


def bus_client(url: str, timeout_s: float, *, connections: int = 64) -> Redis:
    """A client whose every wait is bounded; one repeat, for a connection that ended while nobody used it.

    Commands that block on purpose (`XREAD BLOCK`) must block for less than `timeout_s`.
    """
    return Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        max_connections=connections,
    )


@asynccontextmanager
async def told() -> AsyncIterator[None]:
    """Turns what the driver raises into BusAway."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise BusAway(type(error).__name__) from error
