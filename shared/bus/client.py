"""Connects to Redis: every wait is bounded, and every failure raises BusUnavailable."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Final, TypeAlias
from urllib.parse import unquote, urlsplit

from redis.asyncio import Redis
from redis.asyncio.cluster import ClusterNode, RedisCluster
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisClusterException, RedisError, ResponseError

from shared.bus.connections import CONNECTIONS

PREFIX: Final = "vocalized:"
# The errors that the driver raises. Some of a cluster's errors are not subclasses of RedisError.
REDIS_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
_CLUSTER_SCHEMES: Final = {"redis+cluster": False, "rediss+cluster": True}  # with TLS
_DEFAULT_PORT: Final = 6379

# One server or a cluster. Both have the same commands. All keys of one command, script or transaction must share a hash
# tag.
BusClient: TypeAlias = Redis | RedisCluster


class BusUnavailable(Exception):
    """Redis cannot be reached or did not answer in time. The message contains no data."""


def bus_client(url: str, timeout_s: float, *, connections: int = 64) -> BusClient:
    """Create a client whose waits are all bounded. It retries once, because an idle connection may have been closed.

    The function does not connect. Close the client with `aclose`. Commands that block on purpose (`XREAD BLOCK`) must
    block for less than `timeout_s`.

    Args:
        url: The server. `redis+cluster://HOST:PORT,HOST:PORT` (with TLS: `rediss+cluster://`) names members of a
            cluster; one that answers is enough.
        connections: The maximum number of connections to each server.
    """
    if urlsplit(url).scheme in _CLUSTER_SCHEMES:
        return _cluster_client(url, timeout_s, connections)
    client = Redis.from_url(
        url,
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        max_connections=connections,
    )
    pool = client.connection_pool
    pool.connection_class = CONNECTIONS[pool.connection_class]
    return client


class ClusterClient(RedisCluster):
    """A client of a cluster. The driver's own `aclose` leaves sockets open after a command has failed."""

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> "ClusterClient":
        """Read the slots from the first member that answers.

        Commands that find no slots read them one after the other. Without this override, the last of 100 waiting
        commands would wait 100 times as long as the first while no member answers.

        Raises:
            TimeoutError: No member answers.
        """
        nodes = self.nodes_manager
        async with asyncio.timeout(nodes.connection_kwargs["socket_timeout"] * (len(nodes.startup_nodes) + 1)):
            await super().initialize(additional_startup_nodes_info, last_failed_node_name)
        return self

    async def aclose(self) -> None:
        await super().aclose()
        # The driver's NodesManager.aclose would also drop the default node, which another task may have just set when
        # it read the slots again.
        for node in (*self.nodes_manager.nodes_cache.values(), *self.nodes_manager.startup_nodes.values()):
            await node.disconnect()


def _cluster_client(url: str, timeout_s: float, connections: int) -> ClusterClient:
    parts = urlsplit(url)
    account, _, hosts = parts.netloc.rpartition("@")
    username, _, password = account.partition(":")
    members = [urlsplit(f"//{host}") for host in hosts.split(",")]
    client = ClusterClient(
        startup_nodes=[ClusterNode(member.hostname or "", member.port or _DEFAULT_PORT) for member in members],
        username=unquote(username) or None,
        password=unquote(password) or None,
        ssl=_CLUSTER_SCHEMES[parts.scheme],
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        retry=Retry(NoBackoff(), 1),
        max_connections=connections,
    )
    nodes = client.nodes_manager
    kind = CONNECTIONS[nodes.connection_kwargs["connection_class"]]
    nodes.connection_kwargs["connection_class"] = kind  # for the nodes that are found later
    for node in nodes.startup_nodes.values():
        node.connection_class = kind
    return client


@asynccontextmanager
async def map_redis_error() -> AsyncIterator[None]:
    """Raise BusUnavailable in place of the driver's errors."""
    try:
        yield
    except REDIS_ERRORS as error:
        raise BusUnavailable(type(error).__name__) from error


def redis_key(kind: str, name: str) -> str:
    """Return the key of one object. Its name is the hash tag, so that a cluster keeps the object's keys together."""
    return f"{PREFIX}{kind}:{{{name}}}"


async def delete_keys(redis: BusClient, keys: Iterable[str]) -> None:
    """Delete keys of any cluster slots in one round trip. Raises BusUnavailable."""
    async with map_redis_error(), redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.delete(key)
        await pipe.execute()


async def create_consumer_group(redis: BusClient, stream: str, group: str) -> None:
    """Create the consumer group (and the stream) at the stream's beginning unless it exists. Raises BusUnavailable."""
    async with map_redis_error():
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
