"""The connection to Redis: every wait is bounded, and every failure is one error."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

PREFIX: Final = "vocalized:"


class BusUnavailable(Exception):
    """Redis cannot be reached, or did not answer in time; the message holds no data."""


def bus_client(url: str, timeout_s: float, *, connections: int = 64) -> Redis:
    """A client whose every wait is bounded; it retries once, because an idle connection may have been closed.

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
async def map_redis_error() -> AsyncIterator[None]:
    """Raises BusUnavailable in place of what the driver raises."""
    try:
        yield
    except (RedisError, OSError, TimeoutError) as error:
        raise BusUnavailable(type(error).__name__) from error


def redis_key(kind: str, name: str) -> str:
    """The key of one object. Its name is the hash tag, so that a cluster keeps the keys of one object together."""
    return f"{PREFIX}{kind}:{{{name}}}"


async def delete_keys(redis: Redis, keys: Iterable[str]) -> None:
    """Deletes keys of any cluster slots in one round trip. Raises BusUnavailable."""
    async with map_redis_error(), redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.delete(key)
        await pipe.execute()


async def create_consumer_group(redis: Redis, stream: str, group: str) -> None:
    """Creates the consumer group, and the stream, at the stream's beginning, unless it exists. Raises
    BusUnavailable."""
    async with map_redis_error():
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
