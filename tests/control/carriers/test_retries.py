"""How often a request is sent, and for how long."""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from io import BytesIO

import httpx
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from control.carriers import retries
from control.carriers.retries import RETRY_DELAYS_S, NotProcessed, call_with_retries
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.carriers.telnyx import TelnyxGateway
from control.carriers.twilio import TwilioGateway
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer

UNAVAILABLE = CarrierUnavailable("twilio", "500", "the carrier has a fault")
NOT_PROCESSED = NotProcessed("twilio", "429", "too many requests")
REFUSED = CarrierRefused("twilio", "1", "no")


def failing(times: int, error: Exception) -> tuple[Callable[[], Awaitable[str]], list[None]]:
    """A request that fails `times` times, and a list with an item for each attempt."""
    sent: list[None] = []

    async def send() -> str:
        sent.append(None)
        if len(sent) <= times:
            raise error
        return "done"

    return send, sent


@pytest.mark.parametrize(
    ("error", "repeatable", "attempts"),
    [
        (UNAVAILABLE, True, 1 + len(RETRY_DELAYS_S)),
        (UNAVAILABLE, False, 1),
        (NOT_PROCESSED, False, 1 + len(RETRY_DELAYS_S)),
        (REFUSED, True, 1),
    ],
)
async def test_attempts_are_limited(error: Exception, repeatable: bool, attempts: int) -> None:
    send, sent = failing(9, error)
    with pytest.raises(type(error)):
        await call_with_retries(send, "twilio", timeout_s=10, repeatable=repeatable)
    assert len(sent) == attempts


async def test_last_attempt_may_succeed() -> None:
    send, sent = failing(len(RETRY_DELAYS_S), UNAVAILABLE)
    assert await call_with_retries(send, "twilio", timeout_s=10, repeatable=True) == "done"
    assert len(sent) == 1 + len(RETRY_DELAYS_S)


async def test_all_attempts_together_have_a_time_limit() -> None:
    async def hang() -> None:
        await asyncio.Event().wait()

    with pytest.raises(CarrierUnavailable) as caught:
        await call_with_retries(hang, "twilio", timeout_s=0.02, repeatable=True)
    assert caught.value.code == "timeout"


async def test_phone_numbers_are_not_logged(
    caplog: pytest.LogCaptureFixture,
    twilio: TwilioGateway,
    telnyx: TelnyxGateway,
    twilio_peer: TwilioPeer,
    telnyx_peer: TelnyxPeer,
) -> None:
    """Also at level DEBUG, at which the SDKs log each URL and body."""
    with caplog.at_level(logging.DEBUG):
        logging.getLogger("tests").debug("it is on")
        for gateway, peer in ((twilio, twilio_peer), (telnyx, telnyx_peer)):
            peer.fail("500")
            await gateway.find_owned("+14155550123")
            await gateway.buy("+14155550123", "reference")
    assert "it is on" in caplog.text
    assert "4155550123" not in caplog.text


async def test_download_of_a_too_large_recording_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retries, "MAX_RECORDING_BYTES", 1_000_000)
    file = BytesIO()
    async with _endless() as url, httpx.AsyncClient() as http:
        with pytest.raises(CarrierRefused) as caught:
            await retries.download(http, "twilio", url, file)
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
