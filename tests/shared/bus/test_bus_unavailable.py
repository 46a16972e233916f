"""Without Redis, every operation raises BusUnavailable soon."""

import socket
from collections.abc import Awaitable, Callable

import pytest

from shared.bus.checkpoints import Checkpoints, StreamOutcome
from shared.bus.client import BusClient, BusUnavailable, bus_client
from shared.bus.commands import CallCommand, CommandStream, EndCall
from shared.bus.events import EventStream
from shared.bus.health import ProviderHealthStates
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import NodeRegistry, NodeState
from shared.bus.requests import MediaReply, MediaRequest, RequestStream
from shared.bus.tickets import Tickets
from shared.secrets import Sealer

SEALER = Sealer([bytes(32)])
OPERATIONS: dict[str, Callable[[BusClient], Awaitable[object]]] = {
    "claim": lambda redis: Tickets(redis, SEALER).claim("t", "twilio", "c"),
    "choose": lambda redis: NodeRegistry(redis).choose(),
    "heartbeat": lambda redis: NodeRegistry(redis).heartbeat(NodeState("n", "ws://n", 0, 1)),
    "append": lambda redis: EventStream(redis).append([b"{}"]),
    "create_group": lambda redis: EventStream(redis).create_group(),
    "remove_dead_readers": lambda redis: EventStream(redis).remove_dead_consumers(60.0),
    "live": lambda redis: LiveCalls(redis).refresh([LiveCall("c", "n", 0)]),
    "checkpoint": lambda redis: Checkpoints(redis, SEALER).get("c"),
    "put_outcome": lambda redis: Checkpoints(redis, SEALER).put_outcome("c", StreamOutcome(0)),
    "send": lambda redis: CommandStream(redis).send("n", CallCommand("1", "c", EndCall())),
    "claim_command": lambda redis: CommandStream(redis).claim(CallCommand("1", "c", EndCall())),
    "is_claimed": lambda redis: CommandStream(redis).is_claimed("1"),
    "forget_answer": lambda redis: CommandStream(redis).forget_answer("1"),
    "provider_health": lambda redis: ProviderHealthStates(redis).exchange([]),
    "wait_for_answer": lambda redis: CommandStream(redis).wait_for_answer("1", 1.0),
    "ask": lambda redis: RequestStream(redis, SEALER).now_ms(),
    "send_request": lambda redis: RequestStream(redis, SEALER).send(MediaRequest("1", "n", "x", "c", "w", "a", 1)),
    "read_requests": lambda redis: RequestStream(redis, SEALER).read("api", 1, 0.01),
    "read_replies": lambda redis: RequestStream(redis, SEALER).read_replies("n", 0.01),
    "remove_replies": lambda redis: RequestStream(redis, SEALER).remove_replies("n", [b"1-1"]),
    "remove_dead_consumers": lambda redis: RequestStream(redis, SEALER).remove_dead_consumers(60.0),
    "reply": lambda redis: RequestStream(redis, SEALER).reply("1-0", "n", MediaReply("1")),
}


@pytest.mark.parametrize("name", OPERATIONS)
async def test_closed_port(name: str) -> None:
    redis = bus_client("redis://127.0.0.1:9", 1.0)
    with pytest.raises(BusUnavailable):
        await OPERATIONS[name](redis)
    await redis.aclose()


@pytest.mark.parametrize("name", ["claim", "append"])
async def test_server_that_does_not_answer(name: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        redis = bus_client(f"redis://127.0.0.1:{silent.getsockname()[1]}", 0.1)
        with pytest.raises(BusUnavailable):
            await OPERATIONS[name](redis)
        await redis.aclose()
