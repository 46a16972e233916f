"""The embedded Valkey: what is kept, where it listens, and that it goes."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from tests.vocalized.services.processes import gone, linux_only
from vocalized.services.child import ServiceFailed
from vocalized.services.valkey import running_valkey, serve_valkey


@linux_only
async def test_a_durable_one_keeps_what_it_was_told(state: Path) -> None:
    for number in (1, 2):
        async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
            assert await client.incr("counter") == number
        assert gone(valkey.process.pid)
        assert valkey.process.returncode == 0


async def test_another_forgets(state: Path) -> None:
    for _ in range(2):
        async with running_valkey(state, durable=False) as valkey, Redis.from_url(valkey.url) as client:
            assert await client.incr("counter") == 1


async def test_it_listens_on_no_port_and_lets_only_its_owner_to_its_socket(state: Path) -> None:
    async with running_valkey(state, durable=False) as valkey, Redis.from_url(valkey.url) as client:
        assert (await client.config_get("port"))["port"] == "0"
        assert (await client.config_get("unixsocketperm"))["unixsocketperm"] == "700"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"


@pytest.mark.parametrize("name", ["long" * 30, "a b%20?&ü"])
async def test_long_and_odd_state_paths_are_no_matter(state: Path, name: str) -> None:
    async with running_valkey(state / name, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        assert await client.ping()


@linux_only
async def test_a_killed_one_starts_again_with_all_it_had_written(state: Path) -> None:
    async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        await client.set("kept", "yes")
        valkey.process.kill()
    async with running_valkey(state, durable=True) as valkey, Redis.from_url(valkey.url) as client:
        assert await client.get("kept") == b"yes"


def test_one_that_cannot_start_is_told_of_with_its_last_words(state: Path) -> None:
    folder = state / "valkey" / "appendonlydir"
    folder.mkdir(parents=True)
    (folder / "appendonly.aof.manifest").write_text("nonsense\n")
    with (
        pytest.raises(ServiceFailed, match=r"Valkey ended with code 1:\n(?s:.*)AOF manifest"),
        serve_valkey(state, durable=True),
    ):
        pass
