"""The functions of nodes in a real Valkey: who loads them, and what a restart, a loss and a long script do to them."""

from contextlib import AbstractContextManager, aclosing
from pathlib import Path

import pytest
from redis.exceptions import ResponseError

from shared.bus.client import BusClient, BusUnavailable, bus_client
from shared.bus.function_care import NODE_FUNCTIONS, check_functions, function_care
from shared.bus.functions import NodeFunction, load_functions
from shared.bus.health import HealthReport, ProviderHealthStates
from shared.bus.nodes import NodeRegistry, NodeState
from vocalized.services.valkey import Valkey, serve_valkey, user_url
from vocalized.services.valkey_users import RULES

PASSWORDS = {name: f"password-of-{name}" for name in RULES}
STATE = NodeState("media-1-ab", "wss://media-1.example.com", 0, 10)
ENDLESS = NodeFunction("endless", "while true do end")


async def test_loads_what_is_missing_and_nothing_else(redis: BusClient) -> None:
    await redis.function_flush()
    names = [function.full_name for function in NODE_FUNCTIONS]
    assert await load_functions(redis, NODE_FUNCTIONS) == names
    assert await load_functions(redis, NODE_FUNCTIONS) == []
    await redis.function_delete(names[1])
    assert await load_functions(redis, NODE_FUNCTIONS) == [names[1]]


def test_functions_of_two_releases_have_different_names() -> None:
    now, later = NodeFunction("now", "return 1"), NodeFunction("now", "return 2")
    assert now.full_name != later.full_name and now.full_name == NodeFunction("now", "return 1").full_name


async def test_after_a_restart_nodes_go_on_without_control(tmp_path: Path) -> None:
    with _serve(tmp_path) as valkey:
        await _check_as(valkey, "worker")
    with _serve(tmp_path) as valkey:
        await _heartbeat(valkey)


async def test_control_loads_functions_again_after_a_loss_of_data(tmp_path: Path) -> None:
    with _serve(tmp_path, durable=False) as valkey:
        with pytest.raises(BusUnavailable):
            await _heartbeat(valkey)
        await _check_as(valkey, "api")
        await _heartbeat(valkey)


async def test_a_node_works_under_the_users_of_the_release_before(tmp_path: Path) -> None:
    """They permit EVAL, and neither FCALL nor HLEN. They stay until the last old node has ended."""
    rules = RULES["media"].replace(" +hlen", "").replace("+fcall", "+eval +evalsha +script|load +@transaction")
    with serve_valkey(tmp_path, durable=False) as valkey:
        async with aclosing(bus_client(valkey.url, 5.0)) as admin:
            await admin.execute_command("ACL", "SETUSER", "media", "on", ">old", "resetchannels", *rules.split())
        url = user_url(valkey.url, "media", "old")
        async with aclosing(bus_client(url, 5.0)) as media, aclosing(bus_client(valkey.url, 5.0)) as control:
            await NodeRegistry(media).heartbeat(STATE)
            await ProviderHealthStates(media, "media-1").exchange([HealthReport("openai", 0.0)])
            assert await NodeRegistry(control).is_alive(STATE.node_id)


@pytest.mark.parametrize("is_function", [True, False])
async def test_a_script_without_end_is_ended(valkey_url: str, is_function: bool) -> None:
    async with aclosing(bus_client(valkey_url, 5.0)) as careful, aclosing(bus_client(valkey_url, 60.0)) as hostile:
        await load_functions(careful, [ENDLESS])
        async with function_care(careful, 0.05):
            with pytest.raises(ResponseError, match=r"(?i)kill"):
                await (ENDLESS.call(hostile, []) if is_function else hostile.eval(ENDLESS.body, 0))
        assert await careful.ping()


def _serve(state: Path, *, durable: bool = True) -> AbstractContextManager[Valkey]:
    return serve_valkey(state, durable=durable, passwords=PASSWORDS)


async def _check_as(valkey: Valkey, program: str) -> None:
    async with aclosing(bus_client(user_url(valkey.url, program, PASSWORDS[program]), 5.0)) as client:
        await check_functions(client)


async def _heartbeat(valkey: Valkey) -> None:
    async with aclosing(bus_client(user_url(valkey.url, "media", PASSWORDS["media"]), 5.0)) as media:
        await NodeRegistry(media).heartbeat(STATE)
