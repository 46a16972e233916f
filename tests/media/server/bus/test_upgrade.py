"""Signatures at the socket itself: judged before the upgrade, and only where Twilio comes in."""

import pytest
from aiohttp import WSServerHandshakeError

from media.server.signature import Signatures
from shared.events import CallStarted
from shared.plan import CallPlan
from shared.twilio_signature import sign
from tests.media.server.bus.station import Station
from tests.media.server.phone import Phone

URL = "wss://media.test"
TOKEN = "twilio token"


@pytest.fixture
def signatures(request: pytest.FixtureRequest) -> Signatures:
    return Signatures(URL, (TOKEN,), required=bool(getattr(request, "param", False)))


async def test_the_right_one_is_let_in_by_the_header_and_the_path(station: Station, plan: CallPlan) -> None:
    token = await station.ticket(plan)
    headers = {"x-twilio-signature": sign(TOKEN, f"{URL}/media/twilio/{token}")}
    socket = await station.session.ws_connect(f"{station.url}/media/twilio/{token}", headers=headers)
    phone = Phone(socket)
    await phone.begin()
    await station.until_event(CallStarted)
    await phone.hang_up()


async def test_a_wrong_one_is_refused_before_the_upgrade(station: Station) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await station.session.ws_connect(station.url + "/media/twilio", headers={"X-Twilio-Signature": "wrong"})
    assert station.count("vocalized_media_refused_total", reason="forged") == 1
    assert station.worker.connections == ()


async def test_none_is_let_in_unless_it_is_required(station: Station, plan: CallPlan) -> None:
    phone = await station.dial(plan)
    await station.until_event(CallStarted)
    await phone.hang_up()


@pytest.mark.parametrize("signatures", [True], indirect=True)
async def test_none_is_refused_when_it_is_required(station: Station) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await station.session.ws_connect(station.url + "/media/twilio")
    assert station.count("vocalized_media_refused_total", reason="unsigned") == 1
    socket = await station.session.ws_connect(station.url + "/media/telnyx/token")  # which signs nothing
    await socket.close()


@pytest.mark.parametrize("carrier", ["telnyx", "browser"])
async def test_who_brings_the_token_in_the_path_is_refused_without(station: Station, carrier: str) -> None:
    with pytest.raises(WSServerHandshakeError, match="403"):
        await station.session.ws_connect(f"{station.url}/media/{carrier}")
    assert station.count("vocalized_media_refused_total", reason="no_token") == 1
    assert station.worker.connections == ()
