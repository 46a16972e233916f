"""The choice among more nodes than are looked at for one call."""

from collections import Counter

from shared.bus.client import BusClient
from shared.bus.nodes import LOOKED_AT_ALL, NodeRegistry, NodeState

MANY = LOOKED_AT_ALL + 36


async def register(redis: BusClient, *, free: int, calls: int = 4) -> NodeRegistry:
    """MANY nodes with room for ten calls; all but the first `free` are full."""
    registry = NodeRegistry(redis)
    for number in range(MANY):
        await registry.heartbeat(NodeState(f"n{number}", f"ws://n{number}", calls if number < free else 10, 10))
    return registry


async def test_calls_are_spread_over_all_nodes(redis: BusClient) -> None:
    registry = await register(redis, free=MANY)
    chosen = Counter([state.node_id for _ in range(2 * MANY) if (state := await registry.choose())])
    assert sum(chosen.values()) == 2 * MANY
    # The least loaded of 16: a node with three calls more than another is chosen when its 15 rivals have three, too.
    assert len(chosen) == MANY and max(chosen.values()) <= 3


async def test_the_only_node_with_room_is_found_and_filled(redis: BusClient) -> None:
    registry = await register(redis, free=1)
    assert [state.node_id for _ in range(6) if (state := await registry.choose())] == ["n0"] * 6
    assert await registry.choose() is None, "all are full"


async def test_up_to_512_nodes_the_only_one_with_room_is_always_found(redis: BusClient) -> None:
    """By chance alone 0.4 % of the calls would find none: most of the times at least one of these."""
    registry = await register(redis, free=0)
    await registry.heartbeat(NodeState("free", "ws://free", 0, 1_000))
    found = [await registry.choose() for _ in range(400)]
    assert None not in found


async def test_excluded_and_foreign_nodes_are_not_drawn(redis: BusClient) -> None:
    await register(redis, free=2)
    assert {state.node_id for _ in range(4) if (state := await NodeRegistry(redis).choose(["n0"]))} == {"n1"}
    allowed = NodeRegistry(redis, allowed=["ws://n1"])
    assert {state.node_id for _ in range(2) if (state := await allowed.choose())} == {"n1"}
    assert await allowed.choose(["n1"]) is None


async def test_nodes_that_are_gone_are_forgotten_as_they_are_drawn(redis: BusClient) -> None:
    await register(redis, free=MANY)
    assert await NodeRegistry(redis, stale_s=0.0).choose() is None
    assert await redis.hlen("vocalized:{nodes}:states") < LOOKED_AT_ALL
