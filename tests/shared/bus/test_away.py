"""Without Redis everything says so, at once and in one way."""

import socket
from collections.abc import Awaitable, Callable

import pytest
from redis.asyncio import Redis

from shared.bus.checkpoints import Checkpoints, Over
from shared.bus.client import BusAway, bus_client
from shared.bus.commands import Commands, EndCall, Order
from shared.bus.events import EventStream
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import Nodes, NodeState
from shared.bus.tickets import Tickets
from shared.secrets import Sealer

SEALER = Sealer([bytes(32)])
ASKED: dict[str, Callable[[Redis], Awaitable[object]]] = {
    "claim": lambda redis: Tickets(redis, SEALER).claim("t", "twilio", "c"),
    "place": lambda redis: Nodes(redis).place(),
    "beat": lambda redis: Nodes(redis).beat(NodeState("n", "ws://n", 0, 1)),
    "append": lambda redis: EventStream(redis).append([b"{}"]),
    "prepare": lambda redis: EventStream(redis).prepare(),
    "live": lambda redis: LiveCalls(redis).beat([LiveCall("c", "n", 0)]),
    "checkpoint": lambda redis: Checkpoints(redis, SEALER).get("c"),
    "over": lambda redis: Checkpoints(redis, SEALER).end("c", Over(0)),
    "post": lambda redis: Commands(redis).post("n", Order("1", "c", EndCall())),
    "outcome": lambda redis: Commands(redis).outcome("1", 1.0),
}


@pytest.mark.parametrize("name", ASKED)
async def test_nobody_listens(name: str) -> None:
    redis = bus_client("redis://127.0.0.1:9", 1.0)
    with pytest.raises(BusAway):
        await ASKED[name](redis)
    await redis.aclose()


@pytest.mark.parametrize("name", ["claim", "append"])
async def test_somebody_listens_and_says_nothing(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = bus_client(f"redis://127.0.0.1:{silent.getsockname()[1]}", 0.1)
        with pytest.raises(BusAway):
            await ASKED[name](redis)
        await redis.aclose()
