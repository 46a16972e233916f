"""The connection to Redis: every wait is bounded, and every failure raises one error."""

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
# What the driver raises. Some of a cluster's errors are no RedisError.
REDIS_ERRORS: Final = (RedisError, RedisClusterException, OSError, TimeoutError)
_CLUSTER_SCHEMES: Final = {"redis+cluster": False, "rediss+cluster": True}  # with TLS
_DEFAULT_PORT: Final = 6379

# One server, or a cluster of them. Both have the same commands; keys that one command, script or transaction uses must
# share a hash tag.
BusClient: TypeAlias = Redis | RedisCluster


class BusUnavailable(Exception):
    """Redis cannot be reached, or did not answer in time; the message holds no data."""


def bus_client(url: str, timeout_s: float, *, connections: int = 64) -> BusClient:
    """A client whose every wait is bounded; it retries once, because an idle connection may have been closed.

    url: `redis+cluster://HOST:PORT,HOST:PORT` (with TLS: `rediss+cluster://`) names members of a cluster, of which one
    that answers suffices. connections: limit, at each server. Connects to nothing yet; to be
    closed with `aclose`. Commands that block on purpose
    (`XREAD BLOCK`) must block for less than `timeout_s`.
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
    """A client of a cluster. After a command that failed, the driver's `aclose` leaves sockets open."""

    async def initialize(
        self,
        additional_startup_nodes_info: list[tuple[str, int]] | None = None,
        last_failed_node_name: str | None = None,
    ) -> "ClusterClient":
        """Reads the slots of the first member that answers. Raises TimeoutError. Commands that find no slots read them
        one after the other; while no member answers, the last of 100 would wait 100 times as long as the first."""
        nodes = self.nodes_manager
        async with asyncio.timeout(nodes.connection_kwargs["socket_timeout"] * (len(nodes.startup_nodes) + 1)):
            await super().initialize(additional_startup_nodes_info, last_failed_node_name)
        return self

    async def aclose(self) -> None:
        await super().aclose()
        # Not by the driver's NodesManager.aclose: it forgets the default node, also that of another task that has just
        # read the slots again.
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
    nodes.connection_kwargs["connection_class"] = kind  # of the nodes that are found later
    for node in nodes.startup_nodes.values():
        node.connection_class = kind
    return client


@asynccontextmanager
async def map_redis_error() -> AsyncIterator[None]:
    """Raises BusUnavailable in place of what the driver raises."""
    try:
        yield
    except REDIS_ERRORS as error:
        raise BusUnavailable(type(error).__name__) from error


def redis_key(kind: str, name: str) -> str:
    """The key of one object. Its name is the hash tag, so that a cluster keeps the keys of one object together."""
    return f"{PREFIX}{kind}:{{{name}}}"


async def delete_keys(redis: BusClient, keys: Iterable[str]) -> None:
    """Deletes keys of any cluster slots in one round trip. Raises BusUnavailable."""
    async with map_redis_error(), redis.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.delete(key)
        await pipe.execute()


async def create_consumer_group(redis: BusClient, stream: str, group: str) -> None:
    """Creates the consumer group, and the stream, at the stream's beginning, unless it exists. Raises
    BusUnavailable."""
    async with map_redis_error():
        try:
            await redis.xgroup_create(stream, group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise
