"""What somebody who can write to Redis, such as a stolen node, puts into the registry of nodes: calls go to genuine
nodes as before. Each of these kept all calls from all nodes, or led them to one that was gone."""

from typing import Any, Final

import msgspec
import pytest

from shared.bus.authority import BusAuthority
from shared.bus.client import BusClient
from shared.bus.nodes import MOST_AGE_S, NodeRegistry, NodeState
from tests.platform.services import KEY
from tests.platform.trust import make_identity

STATES: Final = "vocalized:{nodes}:states"
SEEN: Final = "vocalized:{nodes}:seen"
ASSIGNED: Final = "vocalized:{nodes}:placed"
HERE: Final = "wss://media-1.example.com"
ELSEWHERE: Final = "wss://media-2.example.com"
IDLE: Final = {"url": "wss://evil.example.net", "calls": 0, "capacity": 1_000_000}


def registry(redis: BusClient) -> NodeRegistry:
    return NodeRegistry(redis, BusAuthority([KEY]))


async def beat(redis: BusClient, name: str = "good", url: str = HERE, calls: int = 1) -> None:
    await NodeRegistry(redis, identity=make_identity([KEY], url)).heartbeat(NodeState(name, url, calls, 10))


async def now_s(redis: BusClient) -> float:
    """Redis's time, as the registry has it."""
    seen = await redis.eval("local t = redis.call('TIME') return t[1] .. '.' .. t[2]", 1, STATES)
    return float(seen)


async def write(redis: BusClient, name: str, state: Any, seen: Any = None) -> None:
    """Writes an entry by hand. state: JSON, or text. seen: None: now."""
    text = state if isinstance(state, str) else msgspec.json.encode(state)
    await redis.hset(STATES, name, text)
    await redis.hset(SEEN, name, str(await now_s(redis)) if seen is None else seen)


ENTRIES: Final[dict[str, Any]] = {
    "another name": {"node_id": "else", **IDLE},
    "a name that is none": {"node_id": "\x00", **IDLE},
    "load as text": {"node_id": "evil", "url": "x", "calls": "many", "capacity": 9},
    "no load": {"node_id": "evil", "url": "x"},
    "an address that is none": {"node_id": "evil", "url": {}, "calls": 0, "capacity": 9},
    "a list": [],
    "a number": 7,
    "no JSON": "{",
    "nested too deeply": '{"node_id":"evil","url":"x","calls":0,"capacity":9,"x":' + "[" * 990 + "]" * 990 + "}",
    "nested more deeply": '{"node_id":"evil","x":' + "[" * 5_000 + "]" * 5_000 + "}",
    "broken text": '{"node_id":"evil","url":"\\ud800","calls":0,"capacity":9}',
}


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=ENTRIES.keys())
async def test_no_entry_keeps_the_others_from_being_chosen(redis: BusClient, entry: Any) -> None:
    await beat(redis)
    await write(redis, "evil", entry)
    chosen = await registry(redis).choose()
    assert chosen is not None and chosen.node_id == "good"
    assert [one.node_id for one in await registry(redis).list_alive()] == ["good"]


async def test_no_number_of_entries_does(redis: BusClient) -> None:
    """More than a call passes over, and more than are looked at one by one; full and draining nodes are left out."""
    await beat(redis)
    await beat(redis, "full", ELSEWHERE, calls=10)
    for number in range(70):
        await write(redis, f"evil-{number}", {"node_id": f"evil-{number}", **IDLE})
    chosen = await registry(redis).choose()
    assert chosen is not None and chosen.node_id == "good"
    assert await registry(redis).choose(["good"]) is None


@pytest.mark.parametrize(("key", "value"), [(SEEN, "never"), (ASSIGNED, "x")])
async def test_words_in_place_of_figures_stop_nobody(redis: BusClient, key: str, value: str) -> None:
    await beat(redis)
    await write(redis, "evil", {"node_id": "evil", **IDLE}, seen="never")
    await redis.hset(key, "good" if key == ASSIGNED else "evil", value)
    chosen = await registry(redis).choose()
    assert chosen is not None and chosen.node_id == "good"
    assert not await registry(redis).is_alive("evil")


async def test_rejects_a_replayed_entry(redis: BusClient) -> None:
    """The node is gone; its entry of before, when it had no call, is written again with the time of now."""
    early = NodeState("gone", ELSEWHERE, 0, 10)
    at_ms = round((await now_s(redis) - MOST_AGE_S - 1) * 1000)
    kept = early.signed(make_identity([KEY], ELSEWHERE), at_ms)
    await write(redis, "gone", msgspec.to_builtins(kept))
    await beat(redis)
    chosen = await registry(redis).choose()
    assert chosen is not None and chosen.node_id == "good"
    assert not await registry(redis).is_alive("gone")
    forward = msgspec.structs.replace(kept, at_ms=at_ms + 11_000)
    await write(redis, "gone", msgspec.to_builtins(forward))
    assert not await registry(redis).is_alive("gone"), "the time is proved, too"


async def test_a_heartbeat_of_the_future_does_not_hold_for_ever(redis: BusClient) -> None:
    await beat(redis)
    await redis.hset(SEEN, "good", str(await now_s(redis) + 1e6))
    assert not await registry(redis).is_alive("good")


async def test_an_entry_under_another_name_keeps_no_lost_node_alive(redis: BusClient) -> None:
    """Calls of the lost node would wait for it."""
    await beat(redis)
    entries: Any = await redis.hgetall(STATES)
    await write(redis, "lost", entries[b"good"].decode())
    assert not await registry(redis).is_alive("lost")


async def test_node_with_a_different_redis_clock_is_trusted_at_once(
    redis: BusClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nodes = NodeRegistry(redis, identity=make_identity([KEY], HERE))
    await nodes.heartbeat(NodeState("good", HERE, 0, 10))
    nodes._ahead_ms = (nodes._ahead_ms or 0.0) - 3_600_000.0  # it went back, and is an hour ahead of what was known
    await nodes.heartbeat(NodeState("good", HERE, 0, 10))
    assert await registry(redis).is_alive("good")
