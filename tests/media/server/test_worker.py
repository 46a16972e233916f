"""Limits of a worker: full, draining, stuck sockets."""

import asyncio

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from media.server.frames import CloseCode
from media.server.limits import Limits
from shared.events import CallEnded
from tests.media.server.conftest import Desk, fewer
from tests.media.server.phone import PATIENCE_S, Phone
from tests.media.server.test_connection import events_of


async def status(desk: Desk, path: str) -> int:
    async with desk.session.get(desk.url + path) as response:
        return response.status


async def test_health_and_metrics_answer(desk: Desk) -> None:
    assert await status(desk, "/healthz") == 200
    assert await status(desk, "/readyz") == 200
    phone = await desk.dial()
    await desk.until_calls(1)
    async with desk.session.get(desk.url + "/metrics") as response:
        text = await response.text()
    assert "vocalized_media_calls_active 1.0" in text and "vocalized_media_waiting 0.0" in text
    await phone.hang_up()
    await desk.until_idle()
    assert desk.count("vocalized_media_calls_active") == 0


class TestFull:
    """A worker with room for one call."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_calls=1)

    async def test_refuses_the_second(self, desk: Desk) -> None:
        phone = await desk.dial()
        await desk.until_calls(1)
        assert await status(desk, "/readyz") == 503
        with pytest.raises(WSServerHandshakeError, match="503"):
            await desk.dial("MZother")
        assert desk.count("vocalized_media_refused_total", reason="full") == 1
        await phone.hang_up()
        await desk.until_idle()
        phone = await desk.dial("MZthird")
        await phone.hang_up()

    async def test_is_not_filled_by_sockets_that_bring_no_call(self, desk: Desk) -> None:
        silent = [await desk.session.ws_connect(desk.url + "/media/twilio") for _ in range(5)]
        assert await status(desk, "/readyz") == 200
        assert desk.count("vocalized_media_calls_active") == 0 and desk.count("vocalized_media_waiting") == 5
        phone = await desk.dial()
        await desk.until_calls(1)
        await phone.hang_up()
        for socket in silent:
            assert not socket.closed
            await socket.close()

    async def test_has_room_for_the_first_of_two_that_start(self, desk: Desk) -> None:
        """Both were let in while there was room."""
        phone, late = [
            Phone(await desk.session.ws_connect(desk.url + "/media/twilio"), name) for name in ("MZ1", "MZ2")
        ]
        await phone.begin()
        await desk.until_calls(1)
        await late.begin()
        await late.until("closed")
        assert late.close_code == CloseCode.TRY_AGAIN and desk.worker.calls == 1
        assert desk.count("vocalized_media_refused_total", reason="full") == 1
        await phone.hang_up()


class TestLobby:
    """A worker in which two may wait."""

    @pytest.fixture
    def limits(self, limits: Limits) -> Limits:
        return fewer(limits, max_waiting=2)

    async def test_the_longest_silent_makes_way(self, desk: Desk) -> None:
        first, second = [Phone(await desk.session.ws_connect(desk.url + "/media/twilio"), name) for name in "12"]
        for number, name in enumerate(("MZ3", "MZ4"), 1):
            phone = await desk.dial(name)
            await desk.until_calls(number)
            assert desk.count("vocalized_media_refused_total", reason="made_way") == 1
            assert desk.count("vocalized_media_waiting") == 1
        assert (await first.socket.receive()).type in (WSMsgType.CLOSED, WSMsgType.CLOSE, WSMsgType.ERROR)
        await second.begin()
        await desk.until_calls(3)
        await second.hang_up()
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
