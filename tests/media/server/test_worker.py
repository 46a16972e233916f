"""Limits of a worker: full, draining, stuck sockets."""

import asyncio

import pytest
from aiohttp import WSServerHandshakeError

from media.server.limits import Limits
from shared.events import CallEnded
from tests.media.server.conftest import Desk, fewer
from tests.media.server.phone import PATIENCE_S
from tests.media.server.test_connection import events_of


async def status(desk: Desk, path: str) -> int:
    async with desk.session.get(desk.url + path) as response:
        return response.status


async def test_health_and_metrics_answer(desk: Desk) -> None:
    assert await status(desk, "/healthz") == 200
    assert await status(desk, "/readyz") == 200
    phone = await desk.dial()
    async with desk.session.get(desk.url + "/metrics") as response:
        text = await response.text()
    assert "vocalized_media_calls_active 1.0" in text
    await phone.hang_up()


class TestFull:
    """A worker with room for one call."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_calls=1)

    async def test_refuses_the_second(self, desk: Desk) -> None:
        phone = await desk.dial()
        assert await status(desk, "/readyz") == 503
        with pytest.raises(WSServerHandshakeError, match="503"):
            await desk.dial("MZother")
        assert desk.count("vocalized_media_refused_total", reason="full") == 1
        await phone.hang_up()
        await desk.until_idle()
        phone = await desk.dial("MZthird")
        await phone.hang_up()


async def test_draining_refuses_new_calls_and_lets_running_ones_finish(desk: Desk) -> None:
    phone = await desk.dial()
    async with phone.going_on():
        draining = asyncio.create_task(desk.worker.drain())
        await asyncio.sleep(0)
        assert await status(desk, "/readyz") == 503
        assert await status(desk, "/healthz") == 200
        with pytest.raises(WSServerHandshakeError, match="503"):
            await desk.dial("MZother")
        assert not draining.done()
    await phone.hang_up()
    async with asyncio.timeout(PATIENCE_S):
        await draining
    ended = (await events_of(desk))[-1]
    assert isinstance(ended, CallEnded) and ended.end_reason == "caller_hangup"


class TestShortDrain:
    """A drain that does not wait for long."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, drain_timeout_s=0.2)

    async def test_ends_the_calls_that_remain(self, desk: Desk) -> None:
        phone = await desk.dial()
        async with phone.going_on(), asyncio.timeout(PATIENCE_S):
            await desk.worker.drain()
        await phone.until("closed")
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded) and ended.end_reason == "media_lost"


class TestStuckSocket:
    """A carrier that stops reading while it goes on sending."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, send_timeout_s=0.3, max_outbox_bytes=100_000_000)

    async def test_is_found_by_the_sweep_and_hurts_nobody_else(self, desk: Desk) -> None:
        phone = await desk.dial()
        await phone.pause(20)
        (connection,) = desk.worker.connections
        response = phone.socket._response  # there is no public way to stop reading
        assert response.connection is not None and isinstance(response.connection.transport, asyncio.ReadTransport)
        response.connection.transport.pause_reading()
        other = await desk.dial("MZother")
        async with asyncio.timeout(PATIENCE_S):
            while desk.count("vocalized_media_calls_total", carrier="twilio", end_reason="carrier_error") == 0:
                connection.play(b"\x00" * 100_000)
                await other.pause(40)
        assert not other.socket.closed
        await other.hang_up()
        ended = (await events_of(desk))[-1]
        assert isinstance(ended, CallEnded) and "took no data" in ended.detail
