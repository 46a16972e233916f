"""A long-lived task of a node that dies shows in its readiness at once, and works again after a pause."""

import asyncio
import time
from pathlib import Path

import pytest

from shared.bus.health import ProviderHealthStates
from shared.supervised_task import SupervisedTask
from tests.platform.bus_node import BusNode, running_bus_node, wait_until

PARTS = {"events", "checkpoints", "live", "commands", "requests", "leftovers", "provider_health", "beats"}
PAUSE_S = 5.0


async def readiness(node: BusNode) -> tuple[int, dict[str, object]]:
    url = node.url.replace("ws", "http", 1) + "/readyz"
    async with node.session.get(url) as response:
        return response.status, await response.json()


async def test_each_task_that_dies_is_named_by_readiness_and_starts_again(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So long that a slow machine, too, asks for the readiness before the first of them starts again.
    defaults = SupervisedTask.__init__.__kwdefaults__
    assert defaults is not None
    monkeypatch.setitem(defaults, "first_pause_s", PAUSE_S)
    async with running_bus_node(valkey_url, tmp_path) as node:

        async def is_ready() -> bool:
            return (await readiness(node))[0] == 200

        await wait_until(is_ready)
        tasks = {task.get_name(): task for task in asyncio.all_tasks() if task.get_name() in PARTS}
        assert tasks.keys() == PARTS
        died = time.monotonic()
        while alive := [task for task in tasks.values() if not task.done()]:
            for task in alive:  # again and again, because the Redis client may swallow a cancellation
                task.cancel()
            await asyncio.sleep(0)
        status, report = await readiness(node)
        assert (status, report["status"], set(report["tasks"])) == (503, "task_died", PARTS)  # type: ignore[call-overload]
        assert time.monotonic() - died < PAUSE_S, "the machine is too slow for this test"
        await wait_until(is_ready)
        assert {task.get_name() for task in asyncio.all_tasks()} >= PARTS
        assert all(node.metric("vocalized_media_task_deaths_total", task=part) == 1 for part in PARTS)


async def test_a_part_that_fails_at_each_step_is_dead_too(
    valkey_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It records as little as a task that has ended."""

    async def fail(self: ProviderHealthStates) -> list[object]:
        raise ZeroDivisionError

    async with running_bus_node(valkey_url, tmp_path) as node:

        async def is_ready() -> bool:
            return (await readiness(node))[0] == 200

        await wait_until(is_ready)
        with monkeypatch.context() as patched:
            patched.setattr(ProviderHealthStates, "list_out_of_service", fail)

            async def is_dead() -> bool:
                status, report = await readiness(node)
                return status == 503 and report["tasks"] == ["provider_health"]

            await wait_until(is_dead)
        await wait_until(is_ready)
        assert node.metric("vocalized_media_task_deaths_total", task="provider_health") >= 1
