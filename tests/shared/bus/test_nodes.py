"""Calls go to the least loaded node that is alive, has room and is not on its way out."""

from collections import Counter

from redis.asyncio import Redis

from shared.bus.nodes import Nodes, NodeState


def node(name: str, calls: int = 0, capacity: int = 10, *, draining: bool = False) -> NodeState:
    return NodeState(name, f"ws://{name}:9000", calls, capacity, draining)


async def placed(nodes: Nodes, *exclude: str) -> str | None:
    found = await nodes.place(exclude)
    return found.node_id if found else None


async def test_without_nodes_there_is_none(redis: Redis) -> None:
    assert await placed(Nodes(redis)) is None


async def test_the_least_loaded_by_its_capacity_is_taken(redis: Redis) -> None:
    nodes = Nodes(redis)
    await nodes.beat(node("small", calls=2, capacity=4))
    await nodes.beat(node("large", calls=40, capacity=100))
    assert await placed(nodes) == "large"


async def test_a_burst_between_two_beats_is_spread(redis: Redis) -> None:
    nodes = Nodes(redis)
    await nodes.beat(node("a"))
    await nodes.beat(node("b"))
    assert Counter([await placed(nodes) for _ in range(10)]) == {"a": 5, "b": 5}
    await nodes.beat(node("a", calls=0))
    assert [await placed(nodes) for _ in range(5)] == ["a"] * 5


async def test_full_draining_and_excluded_nodes_are_left_out(redis: Redis) -> None:
    nodes = Nodes(redis)
    for one in (node("full", calls=10), node("leaving", draining=True), node("dead"), node("good", calls=9)):
        await nodes.beat(one)
    assert await placed(nodes, "dead") == "good"
    assert await placed(nodes, "dead") is None


async def test_a_node_without_a_sign_of_life_is_forgotten(redis: Redis) -> None:
    await Nodes(redis).beat(node("a"))
    assert [one.node_id for one in await Nodes(redis).all()] == ["a"]
    assert await placed(Nodes(redis, stale_s=0.0)) is None
    assert await redis.hlen("vocalized:{nodes}:states") == 0


async def test_a_node_that_leaves_is_gone_at_once(redis: Redis) -> None:
    nodes = Nodes(redis)
    await nodes.beat(node("a"))
    await nodes.leave("a")
    assert await nodes.all() == []


async def test_only_allowed_addresses_are_led_to(redis: Redis) -> None:
    await Nodes(redis).beat(node("mine"))
    await Nodes(redis).beat(node("rogue"))
    assert [one.node_id for one in await Nodes(redis, allowed=["ws://mine:9000"]).all()] == ["mine"]
