"""Calls go to the least loaded node that is alive, has capacity and is not draining."""

from collections import Counter

import pytest

from shared.bus.client import BusClient
from shared.bus.nodes import NodeRegistry, NodeState


def node(name: str, calls: int = 0, capacity: int = 10, *, draining: bool = False) -> NodeState:
    return NodeState(name, f"ws://{name}:9000", calls, capacity, draining)


async def chosen_id(nodes: NodeRegistry, *exclude: str) -> str | None:
    state = await nodes.choose(exclude)
    return state.node_id if state else None


async def test_without_nodes_none_is_chosen(redis: BusClient) -> None:
    assert await chosen_id(NodeRegistry(redis)) is None


async def test_least_loaded_by_capacity_is_chosen(redis: BusClient) -> None:
    nodes = NodeRegistry(redis)
    await nodes.heartbeat(node("small", calls=2, capacity=4))
    await nodes.heartbeat(node("large", calls=40, capacity=100))
    assert await chosen_id(nodes) == "large"


async def test_burst_between_two_heartbeats_is_spread(redis: BusClient) -> None:
    nodes = NodeRegistry(redis)
    await nodes.heartbeat(node("a"))
    await nodes.heartbeat(node("b"))
    assert Counter([await chosen_id(nodes) for _ in range(10)]) == {"a": 5, "b": 5}
    await nodes.heartbeat(node("a", calls=0))
    assert [await chosen_id(nodes) for _ in range(5)] == ["a"] * 5


async def test_full_draining_and_excluded_nodes_are_not_chosen(redis: BusClient) -> None:
    nodes = NodeRegistry(redis)
    for state in (node("full", calls=10), node("leaving", draining=True), node("dead"), node("good", calls=9)):
        await nodes.heartbeat(state)
    assert await chosen_id(nodes, "dead") == "good"
    assert await chosen_id(nodes, "dead") is None


async def test_node_without_heartbeat_is_dropped(redis: BusClient) -> None:
    await NodeRegistry(redis).heartbeat(node("a"))
    assert await NodeRegistry(redis).is_alive("a") and not await NodeRegistry(redis).is_alive("b")
    assert not await NodeRegistry(redis, stale_s=0.0).is_alive("a")
    assert not await NodeRegistry(redis, allowed=["ws://b:9000"]).is_alive("a")
    assert [state.node_id for state in await NodeRegistry(redis).list_alive()] == ["a"]
    assert await chosen_id(NodeRegistry(redis, stale_s=0.0)) is None
    assert await redis.hlen("vocalized:{nodes}:states") == 0


@pytest.mark.parametrize("hours", [1, -1])
async def test_node_that_died_before_redis_clock_was_set_is_not_chosen(redis: BusClient, hours: int) -> None:
    nodes = NodeRegistry(redis)
    await nodes.heartbeat(node("dead"))
    seen = float(await redis.hget("vocalized:{nodes}:seen", "dead") or 0)
    await redis.hset("vocalized:{nodes}:seen", "dead", f"{seen - 3_600 * hours:.6f}")
    assert not await nodes.is_alive("dead") and await nodes.list_alive() == []
    assert await chosen_id(nodes) is None
    await nodes.heartbeat(node("alive"))
    assert await chosen_id(nodes) == "alive"


async def test_removed_node_is_not_listed(redis: BusClient) -> None:
    nodes = NodeRegistry(redis)
    await nodes.heartbeat(node("a"))
    await nodes.remove("a")
    assert await nodes.list_alive() == []


async def test_only_allowed_urls_are_chosen(redis: BusClient) -> None:
    await NodeRegistry(redis).heartbeat(node("mine"))
    await NodeRegistry(redis).heartbeat(node("rogue"))
    assert [state.node_id for state in await NodeRegistry(redis, allowed=["ws://mine:9000"]).list_alive()] == ["mine"]
