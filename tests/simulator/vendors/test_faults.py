"""Faults of simulated vendors, and the server that carries them."""

import asyncio
import ssl
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from simulator.vendors.certificate import make_certificate
from simulator.vendors.faults import Fault, FaultBoard, FaultCut, FaultInjector
from simulator.vendors.server import VendorState, reset_connection, running_vendor


def test_a_queued_fault_meets_the_next_connections_of_its_role() -> None:
    board = FaultBoard()
    board.queue("tts", Fault("refuse"), connections=2)
    assert [board.take(role).has("refuse") for role in ("stt", "tts", "tts", "tts")] == [False, True, True, False]


def test_a_kept_fault_meets_all_until_it_is_cleared() -> None:
    board = FaultBoard()
    board.keep("llm", Fault("rate_limited"))
    assert all(board.take("llm").has("rate_limited") for _ in range(5))
    board.clear("llm")
    assert board.take("llm").fault is None


async def test_a_fault_strikes_open_connections_from_now_on_until_it_is_healed() -> None:
    board = FaultBoard()
    speaking, other, begun = board.take("tts"), board.take("stt"), list[str]()
    speaking.on_begin = lambda fault: begun.append(fault.kind)
    await speaking.begin_unit()
    board.strike("tts", Fault("garbage", after_units=1))
    assert [await speaking.begin_unit(), await speaking.begin_unit()] == [False, True]
    assert begun == ["garbage"]
    assert board.take("tts").has("garbage")
    assert other.fault is None
    board.heal("tts")
    assert speaking.fault is None
    assert board.take("tts").fault is None


async def test_a_connection_is_cut_after_its_units() -> None:
    injector = FaultInjector(Fault("cut", after_units=2))
    assert [await injector.begin_unit(), await injector.begin_unit()] == [False, False]
    with pytest.raises(FaultCut):
        await injector.begin_unit()


async def test_a_stalled_connection_gives_no_more_units() -> None:
    injector = FaultInjector(Fault("stall", after_units=1))
    await injector.begin_unit()
    stalled = asyncio.ensure_future(injector.begin_unit())
    await asyncio.sleep(0)
    assert not stalled.done()
    stalled.cancel()


async def test_garbage_takes_the_place_of_units() -> None:
    injector = FaultInjector(Fault("garbage", after_units=1))
    assert [await injector.begin_unit() for _ in range(3)] == [False, True, True]


async def test_a_slow_vendor_takes_longer_for_everything() -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    await FaultInjector(Fault("slow", factor=10), sleep).wait(0.2)
    await FaultInjector(None, sleep).wait(0.2)
    assert waits == [2.0, 0.2]


async def test_the_server_speaks_tls_under_its_own_authority(tmp_path: Path) -> None:
    async def answer(request: web.Request) -> web.Response:
        if state.open("llm").has("refuse"):
            reset_connection(request)
        return web.Response(text="ok")

    state, certificate = VendorState(), make_certificate(tmp_path)
    state.faults.queue("llm", Fault("refuse"))
    async with running_vendor([web.post("/", answer)], certificate) as address, aiohttp.ClientSession() as session:
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await session.post(f"https://{address}/", ssl=ssl.create_default_context())
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(f"https://{address}/", ssl=certificate.client())
        async with session.post(f"https://{address}/", ssl=certificate.client()) as response:
            assert await response.text() == "ok"
    assert state.opened["llm"] == 2
