"""A small load against a trivial server in real time; asserts events, not speed."""

import asyncio
import gc
import socket
import threading
from collections.abc import Iterator
from dataclasses import replace

import pytest
from aiohttp import web

from lab.benchmarks.caller import CallerBehavior
from lab.benchmarks.clip import Phrase
from lab.benchmarks.load import LoadPlan, run_load, run_loads
from tests.lab.benchmarks.parrot import ParrotServer

PHRASE = Phrase((b"AAAA",) * 3, 0, 60)
MANNER = CallerBehavior(phrase_frames=3, cycle_s=0.1, rest_s=0.0, patience_s=0.2)


@pytest.fixture
def parrots() -> Iterator[tuple[ParrotServer, str]]:
    """A server in its own thread, and its address."""
    server, loop = ParrotServer(silence_frames=2), asyncio.new_event_loop()
    listener = socket.create_server(("127.0.0.1", 0))
    runner = web.AppRunner(server.app, shutdown_timeout=0.1)

    async def serve() -> None:
        await runner.setup()
        await web.SockSite(runner, listener).start()

    loop.run_until_complete(serve())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield server, f"ws://127.0.0.1:{listener.getsockname()[1]}/media/twilio"
    asyncio.run_coroutine_threadsafe(runner.cleanup(), loop).result()
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


def test_all_callers_talk_and_hang_up(parrots: tuple[ParrotServer, str]) -> None:
    server, url = parrots
    plan = LoadPlan(url, 3, 1.5, PHRASE, MANNER, per_second=1000.0, settle_s=0.0)
    result = run_load(plan)
    assert (result.calls, result.lost, result.refused, result.errors) == (3, 0, 0, 0)
    assert result.turns > 0
    assert result.lag.count > 0
    assert result.server is None
    assert result.began > 0
    assert len(result.first_words) == 3
    for _ in range(3):  # the callers are gone; what they sent last may still be on its way
        assert server.over.acquire(timeout=60)
    assert len(server.parrots) == 3
    assert all(parrot.stopped for parrot in server.parrots)
    assert gc.isenabled()


def test_two_loads_have_the_same_seconds(parrots: tuple[ParrotServer, str]) -> None:
    _, url = parrots
    plan = LoadPlan(url, 2, 1.5, PHRASE, MANNER, per_second=1000.0, settle_s=0.0)
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        refused = replace(plan, url=f"ws://127.0.0.1:{closed.getsockname()[1]}/x")
        answered, alone = run_loads([(plan, None), (refused, None)])
    assert (answered.refused, alone.refused) == (0, 2)
    assert (len(answered.first_words), len(alone.first_words)) == (2, 0)
    assert abs(answered.began - alone.began) < plan.seconds


def test_calls_without_a_server_are_refused() -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        url = f"ws://127.0.0.1:{closed.getsockname()[1]}/media/twilio"
        result = run_load(LoadPlan(url, 2, 0.1, PHRASE, MANNER, settle_s=0.0))
    assert (result.calls, result.refused, result.turns) == (2, 2, 0)
