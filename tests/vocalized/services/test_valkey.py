"""The embedded Valkey: durability, its socket, and its end."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.vocalized.processes import linux_only, wait_ended
from vocalized.services.process import ServiceFailed
from vocalized.services.valkey import running_valkey, serve_valkey


@linux_only
async def test_durable_server_keeps_its_data(state: Path) -> None:
    for number in (1, 2):
        async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
            assert await client.incr("counter") == number
        assert wait_ended(valkey.process.pid)
        assert valkey.process.returncode == 0


async def test_server_that_is_not_durable_loses_its_data(state: Path) -> None:
    for _ in range(2):
        async with running_valkey(state, durable=False) as valkey, Redis.from_url(valkey.url) as client:
            assert await client.incr("counter") == 1


async def test_only_its_owner_reaches_its_socket_and_there_is_no_port(state: Path) -> None:
    async with running_valkey(state, durable=False) as valkey, Redis.from_url(valkey.url) as client:
        assert (await client.config_get("port"))["port"] == "0"
        assert (await client.config_get("unixsocketperm"))["unixsocketperm"] == "700"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("name", ["long" * 30, "a b%20?&ü"])
async def test_long_and_special_state_paths_work(state: Path, name: str) -> None:
    async with running_valkey(state / name, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        assert await client.ping()


@linux_only
async def test_killed_server_restarts_with_all_its_data(state: Path) -> None:
    async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        await client.set("kept", "yes")
        valkey.process.kill()
    async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        assert await client.get("kept") == b"yes"


def test_failed_start_reports_the_end_of_the_log(state: Path) -> None:
    folder = state / "valkey" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with (
        pytest.raises(ServiceFailed, match=r"Valkey ended with code 1:\n(?s:.*)AOF manifest"),
        serve_valkey(state, durable=True),
    ):
        pass
