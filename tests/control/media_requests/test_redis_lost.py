"""Redis ends without its data, or stops answering, and is back: both ends go on, and each wait keeps its limit."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from control.calls.records.running_calls import AdmittedCall
from control.media_requests.handlers import HandlerContext, MediaRequestHandler
from media.tools.remote import CallIdentity
from shared.bus.client import BusClient, BusUnavailable, bus_client
from shared.bus.requests import RequestTimedOut
from tests.control.calls.call_platform import CallPlatform
from tests.control.media_requests.ends import Node, reference, running_api_process, running_node
from vocalized.services.valkey import Valkey, running_valkey

TIMEOUT_S = 0.4


class Bus:
    """A Valkey of its own, which can be ended and started again at the same URL."""

    def __init__(self, state: Path, opened: AsyncExitStack) -> None:
        self._state, self._opened = state, opened
        self.server: Valkey | None = None

    async def start(self) -> str:
        self._running = running_valkey(self._state, durable=False)
        self.server = await self._opened.enter_async_context(self._running)
        return self.server.url

    async def stop(self) -> None:
        await self._opened.aclose()

    def signal(self, number: signal.Signals) -> None:
        assert self.server is not None
        os.kill(self.server.process.pid, number)


@pytest.fixture
async def bus(tmp_path: Path) -> AsyncIterator[Bus]:
    async with AsyncExitStack() as opened:
        yield Bus(tmp_path / "bus", opened)


async def ask(node: Node, call: CallIdentity, deadline_s: float = 20.0) -> bytes:
    return await node.client.ask(call, "x", b"{}", deadline_s=deadline_s)


class Gate:
    """A handler that waits while its gate is closed."""

    def __init__(self) -> None:
        self.begun, self.open = asyncio.Event(), asyncio.Event()
        self.open.set()
        self.runs = 0

    async def __call__(self, context: HandlerContext) -> int:
        self.runs += 1
        self.begun.set()
        await self.open.wait()
        return self.runs


@pytest.fixture
def handler() -> Gate:
    return Gate()


async def test_both_ends_go_on_after_redis_was_lost(
    platform: CallPlatform, call: AdmittedCall, bus: Bus, handler: Gate
) -> None:
    url, its, loop = await bus.start(), reference(call), asyncio.get_running_loop()
    client: BusClient = bus_client(url, TIMEOUT_S)
    async with (
        client,
        running_node(url, timeout_s=TIMEOUT_S) as node,
        running_api_process(platform, {"x": MediaRequestHandler(handler)}, redis=client),
    ):
        assert await ask(node, its) == b"1"
        handler.open.clear()
        handler.begun.clear()
        waiting = asyncio.create_task(ask(node, its))
        await handler.begun.wait()
        await bus.stop()
        began = loop.time()
        with pytest.raises(BusUnavailable):
            await ask(node, its)
        assert loop.time() - began < 10, "its deadline is 20 s"
        await asyncio.sleep(1.2)
        failures = node.metrics.registry.get_sample_value("vocalized_media_bus_failures_total", {"part": "requests"})
        assert 1 <= (failures or 0) <= 6, "it pauses between attempts"
        assert await bus.start() == url
        handler.open.set()
        # The handler went on meanwhile; its reply reaches the new Redis.
        assert await waiting == b"2"
        assert await ask(node, its) == b"3"


async def test_request_that_is_lost_with_redis_times_out_at_its_deadline(call: AdmittedCall, bus: Bus) -> None:
    url, loop = await bus.start(), asyncio.get_running_loop()
    async with running_node(url, timeout_s=TIMEOUT_S) as node:
        began = loop.time()
        waiting = asyncio.create_task(ask(node, reference(call), 1.0))
        await asyncio.sleep(0.1)
        await bus.stop()
        await bus.start()
        with pytest.raises(RequestTimedOut):
            await waiting
        assert loop.time() - began >= 1.0


async def test_silent_redis_and_back(platform: CallPlatform, call: AdmittedCall, bus: Bus, handler: Gate) -> None:
    url, its, loop = await bus.start(), reference(call), asyncio.get_running_loop()
    client: BusClient = bus_client(url, TIMEOUT_S)
    async with (
        client,
        running_node(url, timeout_s=TIMEOUT_S) as node,
        running_api_process(platform, {"x": MediaRequestHandler(handler)}, redis=client),
    ):
        assert await ask(node, its) == b"1"
        bus.signal(signal.SIGSTOP)
        try:
            began = loop.time()
            asked = await asyncio.gather(*(ask(node, its, 1.5) for _ in range(200)), return_exceptions=True)
            assert loop.time() - began < 20, "one after another takes 80 s"
            assert all(isinstance(one, BusUnavailable | RequestTimedOut) for one in asked)
        finally:
            bus.signal(signal.SIGCONT)
        assert await ask(node, its)
