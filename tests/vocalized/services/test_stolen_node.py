"""What a stolen node's Redis password can do to the calls of others: each message that it may send, with hostile
values, beside a client of the API."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing

import pytest
from redis.asyncio import Redis
from redis.exceptions import NoPermissionError, RedisError

from shared.bus.client import BusClient, bus_client
from shared.bus.function_care import NODE_FUNCTIONS, check_functions
from shared.bus.nodes import NodeRegistry
from vocalized.services.valkey import serve_valkey, user_url
from vocalized.services.valkey_users import RULES

PASSWORDS = {name: f"password-of-{name}" for name in RULES}
# The promise: no message keeps Redis from others for longer.
LONGEST_S = 2.0
FIELDS = 200_000
HOSTILE = ["1e308", "-1e308", "nan", "inf", "-inf", "0", "-1", "9007199254740993", "", "x", "\x00" * 1_000]
STATES, SEEN, PLACED = (f"vocalized:{{nodes}}:{name}" for name in ("states", "seen", "placed"))
HEALTH = [f"vocalized:{{provider-health}}:{name}" for name in ("states", "doubts", "useful")]


@pytest.fixture(scope="module")
def server_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with serve_valkey(tmp_path_factory.mktemp("valkey"), durable=False, passwords=PASSWORDS) as valkey:
        yield valkey.url


@pytest.fixture
async def stolen(server_url: str) -> AsyncIterator[Redis]:
    async with aclosing(Redis.from_url(user_url(server_url, "media", PASSWORDS["media"]), socket_timeout=60)) as client:
        yield client


@pytest.fixture
async def api(server_url: str) -> AsyncIterator[BusClient]:
    """It gives up on Redis after the promised time, as the clients of calls do."""
    async with aclosing(bus_client(user_url(server_url, "api", PASSWORDS["api"]), LONGEST_S)) as client:
        await check_functions(client)
        yield client


@pytest.mark.parametrize(
    "message",
    [
        ("EVAL", "while true do end", 0),
        ("EVAL_RO", "while true do end", 0),
        ("EVALSHA", "0" * 40, 0),
        ("SCRIPT", "LOAD", "while true do end"),
        ("FUNCTION", "LOAD", "REPLACE", "#!lua name=x\nredis.register_function('x', function() while true do end end)"),
        ("FUNCTION", "DELETE", NODE_FUNCTIONS[0].full_name),
        ("FUNCTION", "FLUSH"),
        ("FUNCTION", "RESTORE", "x"),
        ("MULTI",),
        ("WATCH", STATES),
        ("CLIENT", "TRACKING", "ON", "BCAST"),
        ("CLIENT", "PAUSE", "100000"),
    ],
)
async def test_a_node_can_start_no_endless_work(stolen: Redis, api: BusClient, message: tuple[str | int, ...]) -> None:
    with pytest.raises(NoPermissionError):
        await stolen.execute_command(*message)  # type: ignore[no-untyped-call]
    assert await NodeRegistry(api).choose() is None


@pytest.mark.parametrize("function", NODE_FUNCTIONS, ids=lambda function: function.name)
@pytest.mark.parametrize("value", HOSTILE, ids=lambda value: repr(value[:8]))
async def test_no_argument_of_a_function_stops_others(stolen: Redis, api: BusClient, function, value) -> None:  # type: ignore[no-untyped-def]
    keys = {"beat": [STATES, SEEN, PLACED], "exchange": HEALTH, "now": [STATES]}.get(
        function.name, ["vocalized:requests" if function.name == "put_request" else "vocalized:ticket:x"]
    )
    for number in (1, 6, 10_000):
        values: list[str] = [value] * number
        await _meanwhile(stolen, api, "FCALL", function.full_name, len(keys), *keys, *values)


async def test_crowded_keys_stop_nobody(stolen: Redis, api: BusClient) -> None:
    """A stolen node fills the hashes that all programs read, with entries that look genuine."""
    seconds, micros = await stolen.time()
    fresh_ms = seconds * 1000 + micros // 1000 + 60_000
    values = {
        STATES: "{}",
        SEEN: f"{seconds}.000000",
        PLACED: "1",
        HEALTH[0]: f"{fresh_ms - 60_000}:{fresh_ms}:1:x",
        HEALTH[1]: f"{fresh_ms - 60_000}:1",
        HEALTH[2]: f"{fresh_ms - 60_000}:x",
    }
    for key, value in values.items():
        for start in range(0, FIELDS, 20_000):
            words = [word for i in range(start, start + 20_000) for word in (f"node-{i}:openai-{i}", value)]
            await _meanwhile(stolen, api, "HSET", key, *words)
    for key in values:
        await _meanwhile(stolen, api, "HGETALL", key)
    exchange = NODE_FUNCTIONS[-1]
    arguments: list[str | int] = [1_000, 600_000, 60_000, "y", 0]
    await _meanwhile(stolen, api, "FCALL", exchange.full_name, 3, *HEALTH, *arguments)
    assert await stolen.hlen(HEALTH[1]) == 0, "more than any node writes is removed"
    assert await NodeRegistry(api).list_alive() == []
    assert await stolen.hlen(SEEN) == 0
    for key in values:
        await _meanwhile(stolen, api, "DEL", key)


async def _meanwhile(stolen: Redis, api: BusClient, *message: str | int) -> None:
    """Sends the message, and has the API look for a node until it is answered. A timeout of the API fails the test."""
    sent = asyncio.create_task(stolen.execute_command(*message))  # type: ignore[no-untyped-call]
    await asyncio.sleep(0)
    while not sent.done():
        await NodeRegistry(api).is_alive("node")
    await asyncio.gather(sent, return_exceptions=True)
    error = sent.exception()
    assert error is None or isinstance(error, RedisError)
