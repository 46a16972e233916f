"""A cluster that loses a member: errors come soon, and once its replica has taken over everything works again."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
from redis.crc import key_slot

from shared.bus.checkpoints import Checkpoints
from shared.bus.client import BusClient, BusUnavailable, bus_client
from shared.bus.commands import CallCommand, CommandStream, EndCall
from shared.bus.events import STREAM, EventStream
from shared.bus.nodes import NodeRegistry, NodeState
from shared.secrets import Sealer
from vocalized.services.valkey_cluster import ValkeyCluster, running_valkey_cluster

TIMEOUT_S = 0.5
# On an idle machine 0.3 s after a kill, and 1.3 s for a member that hangs.
LONGEST_S = 30 * TIMEOUT_S
NODES = "vocalized:{nodes}:states"


@pytest.fixture
async def cluster(services_state: Path, request: pytest.FixtureRequest) -> AsyncIterator[ValkeyCluster]:
    async with running_valkey_cluster(
        services_state / "failover", durable=False, replicas=request.param, node_timeout_ms=1_000
    ) as running:
        yield running


@pytest.fixture
async def redis(cluster: ValkeyCluster) -> AsyncIterator[BusClient]:
    client = bus_client(cluster.url, TIMEOUT_S)
    yield client
    await client.aclose()


async def succeeds(operation: Awaitable[object]) -> bool:
    """Whether it does, or raises BusUnavailable; either within the longest time."""
    began = time.monotonic()
    try:
        await operation
    except BusUnavailable:
        return False
    finally:
        assert time.monotonic() - began < LONGEST_S
    return True


async def fails(redis: BusClient) -> None:
    """Each kind of operation on the lost member's slots: pipelines with and without a transaction, commands, scripts,
    blocking reads."""
    events = EventStream(redis)
    for operation in (
        events.append([b"{}", b"{}"]),
        events.remove(["1-1"]),
        events.length(),
        events.read("c", 1, 0.1),
    ):
        assert not await succeeds(operation)


@pytest.mark.parametrize("cluster", [1], indirect=True)
async def test_a_replica_takes_over(cluster: ValkeyCluster, redis: BusClient) -> None:
    """First from a member that is killed, then from one that hangs."""
    killed, hung = cluster.primary_of(key_slot(STREAM.encode())), cluster.primary_of(key_slot(NODES.encode()))
    assert killed is not hung
    events, nodes = EventStream(redis), NodeRegistry(redis)
    await events.create_group()
    await events.append([b"before"])
    assert await redis.wait(1, 2_000, target_nodes=redis.get_node("127.0.0.1", killed.port)) == 1  # type: ignore[union-attr]
    killed.process.kill()
    await fails_at_first(lambda: events.append([b"after"]))
    assert [entry.line for entry in await events.read("c", 10, 0.1)] == [b"before", b"after"]
    os.kill(hung.process.pid, signal.SIGSTOP)
    try:
        await fails_at_first(lambda: nodes.heartbeat(NodeState("n", "ws://n", 0, 1)), tasks=20)
        assert await redis.ping(), "as the API's readiness asks"
        assert await nodes.choose() is not None
        await CommandStream(redis).send("n", CallCommand("1", "c", EndCall()))
        assert await Checkpoints(redis, Sealer([bytes(32)])).get("c") is None
    finally:
        os.kill(hung.process.pid, signal.SIGKILL)


async def fails_at_first(operation: Callable[[], Awaitable[object]], tasks: int = 1) -> None:
    """Then so many tasks repeat it until it succeeds."""
    assert not await succeeds(operation())
    async with asyncio.timeout(60):
        await asyncio.gather(*(retry(lambda: succeeds(operation())) for _ in range(tasks)))


async def retry(attempt: Callable[[], Awaitable[bool]]) -> None:
    """Until it succeeds."""
    if not await attempt():
        await asyncio.sleep(0.05)
        await retry(attempt)


@pytest.mark.parametrize("cluster", [0], indirect=True)
async def test_without_replicas_nothing_is_served_and_everything_fails_soon(
    cluster: ValkeyCluster, redis: BusClient
) -> None:
    await EventStream(redis).append([b"{}"])
    cluster.primary_of(key_slot(STREAM.encode())).process.kill()
    await fails(redis)


async def test_a_cluster_that_is_not_there_is_unavailable_and_may_be_closed() -> None:
    redis = bus_client("redis+cluster://127.0.0.1:9,127.0.0.1:10", TIMEOUT_S)
    await fails(redis)
    await redis.aclose()
