"""How often a carrier is asked, and for how long."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from control.carriers import tries
from control.carriers.model import CarrierAway, CarrierRefused
from control.carriers.telnyx import TelnyxGateway
from control.carriers.tries import PAUSES, NotDone, tried
from control.carriers.twilio import TwilioGateway
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer

AWAY = CarrierAway("twilio", "500", "the carrier has a fault")
UNDONE = NotDone("twilio", "429", "too many requests")
REFUSED = CarrierRefused("twilio", "1", "no")


def failing(times: int, fault: Exception) -> tuple[Callable[[], Awaitable[str]], list[None]]:
    """A question that fails so often, and what counts how often it was asked."""
    asked: list[None] = []

    async def ask() -> str:
        asked.append(None)
        if len(asked) <= times:
            raise fault
        return "done"

    return ask, asked


@pytest.mark.parametrize(
    ("fault", "repeatable", "tries"),
    [(AWAY, True, 1 + len(PAUSES)), (AWAY, False, 1), (UNDONE, False, 1 + len(PAUSES)), (REFUSED, True, 1)],
)
async def test_tries_are_bounded(fault: Exception, repeatable: bool, tries: int) -> None:
    ask, asked = failing(9, fault)
    with pytest.raises(type(fault)):
        await tried(ask, "twilio", timeout_s=10, repeatable=repeatable)
    assert len(asked) == tries


async def test_the_last_try_may_succeed() -> None:
    ask, asked = failing(len(PAUSES), AWAY)
    assert await tried(ask, "twilio", timeout_s=10, repeatable=True) == "done"
    assert len(asked) == 1 + len(PAUSES)


async def test_all_tries_together_are_bounded_in_time() -> None:
    async def never() -> None:
        await asyncio.Event().wait()

    with pytest.raises(CarrierAway) as caught:
        await tried(never, "twilio", timeout_s=0.02, repeatable=True)
    assert caught.value.code == "timeout"


async def test_no_log_tells_a_number(
    caplog: pytest.LogCaptureFixture,
    twilio: TwilioGateway,
    telnyx: TelnyxGateway,
    twilio_peer: TwilioPeer,
    telnyx_peer: TelnyxPeer,
) -> None:
    """Not even where somebody has everything logged: the SDKs would write down each URL and body."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("tests").debug("it is on")
        for gateway, peer in ((twilio, twilio_peer), (telnyx, telnyx_peer)):
            peer.fail("500")
            await gateway.owned("+14155550123")
            await gateway.buy("+14155550123", "reference")
    assert "it is on" in caplog.text
    assert "4155550123" not in caplog.text


async def test_a_recording_that_is_too_large_is_not_written_on_and_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tries, "LARGEST_RECORDING", 1_000_000)
    file = BytesIO()
    async with _endless() as url, httpx.AsyncClient() as http:
        with pytest.raises(CarrierRefused) as caught:
            await tries.download(http, "twilio", url, file)
    assert caught.value.code == "too_large"
    assert len(file.getvalue()) <= 1_000_000


@asynccontextmanager
async def _endless() -> AsyncIterator[str]:
    async def serve(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        with suppress(ConnectionError):
            while True:
                await response.write(bytes(65_536))
        return response

    app = web.Application()
    app.router.add_get("/", serve)
    async with TestServer(app, host="127.0.0.1") as server:
        yield str(server.make_url("/"))
