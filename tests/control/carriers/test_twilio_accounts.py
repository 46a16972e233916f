"""Twilio's sign-in, subaccounts and regions."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from aiohttp import web

from control.carriers.rules import CarrierRefused, CarrierUnavailable, OwnedNumber
from control.carriers.twilio import TwilioGateway, open_twilio
from tests.control.carriers.conftest import twilio_options
from tests.control.carriers.twilio_peer import SID, TOKEN, WAV, TwilioPeer

SUB, SUB_TOKEN = "AC" + "1" * 32, "token-of-the-subaccount"
KEY = ("SK" + "2" * 32, "secret of the key")
US1_TOKEN = "token-of-us1"
NUMBER = OwnedNumber("PN1", "+14155550123", "reference")
RECORDING = "RE" + "3" * 32


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


class TwoAccountsPeer(TwilioPeer):
    """Twilio with a subaccount. sub_calls: calls of it; the others are the main account's. routed: region by number."""

    def __init__(self) -> None:
        super().__init__()
        self.sub_calls = {"CA-sub"}
        self.routed: dict[str, str] = {}

    def routes(self) -> list[web.RouteDef]:
        base = f"/2010-04-01/Accounts/{SUB}"
        return [
            web.post(f"{base}/Calls/{{sid}}.json", self._change_sub_call),
            web.get(f"{base}/Recordings/{{sid}}.wav", self._sub_recording),
            web.post("/v2/PhoneNumbers/{number}", self._route),
            *super().routes(),
        ]

    async def _change_call(self, request: web.Request) -> web.Response:
        known = request.match_info["sid"] == "CA-main"
        return await super()._change_call(request) if known else _not_found()

    async def _change_sub_call(self, request: web.Request) -> web.Response:
        known = request.match_info["sid"] in self.sub_calls
        return await super()._change_call(request) if known else _not_found()

    async def _sub_recording(self, request: web.Request) -> web.Response:
        return web.Response(body=WAV, content_type="audio/x-wav")

    async def _route(self, request: web.Request) -> web.Response:
        if request.headers["Authorization"] != basic(SID, US1_TOKEN):
            return web.json_response({"code": 20003, "message": "no", "status": 401}, status=401)
        number, region = request.match_info["number"], str((await request.post())["VoiceRegion"])
        self.routed[number] = region
        return web.json_response({"phone_number": number, "voice_region": region, "sid": "QQ" + "0" * 32})


def _not_found() -> web.Response:
    return web.json_response({"code": 20404, "message": "not found", "status": 404}, status=404)


@asynccontextmanager
async def opened(peer: TwilioPeer, **options: Any) -> AsyncIterator[TwilioGateway]:
    async with open_twilio(replace(twilio_options(peer.url), **options)) as gateway:
        yield gateway


@pytest.fixture
async def peer() -> AsyncIterator[TwoAccountsPeer]:
    one = TwoAccountsPeer()
    async with one.serving():
        yield one


def paths(peer: TwilioPeer) -> list[str]:
    """Account and user of each request so far."""
    names = {SID: "main", SUB: "sub"}
    users = {basic(SID, TOKEN): "main", basic(SUB, SUB_TOKEN): "sub", basic(*KEY): "key"}
    return [f"{names[one.path.split('/')[3]]} as {users[one.headers['Authorization']]}" for one in peer.received]


async def test_api_key_signs_in_for_the_account(peer: TwoAccountsPeer) -> None:
    async with opened(peer, api_key=KEY, token="") as gateway:
        await gateway.hang_up("CA-main")
    assert paths(peer) == ["main as key"]


async def test_command_goes_to_the_subaccount_that_has_the_call(peer: TwoAccountsPeer) -> None:
    """Which one that is, is asked once."""
    async with opened(peer, subaccounts=[(SUB, SUB_TOKEN)]) as gateway:
        await gateway.redirect("CA-sub", "/webhooks/calls/continue?call=1")
        await gateway.hang_up("CA-sub")
        await gateway.hang_up("CA-main")
    assert paths(peer) == ["main as main", "sub as sub", "sub as sub", "main as main"]


async def test_hang_up_of_a_call_that_no_account_has_is_refused(peer: TwoAccountsPeer) -> None:
    async with opened(peer, subaccounts=[(SUB, SUB_TOKEN)]) as gateway:
        with pytest.raises(CarrierRefused) as caught:
            await gateway.hang_up("CA-of-somebody-else")
    assert (caught.value.code, caught.value.call_ended) == ("20404", False)
    assert paths(peer) == ["main as main", "sub as sub"]


async def test_recording_is_fetched_from_the_subaccount_that_its_address_names(peer: TwoAccountsPeer) -> None:
    into = BytesIO()
    async with opened(peer, subaccounts=[(SUB, SUB_TOKEN)]) as gateway:
        await gateway.fetch_recording(f"https://api.twilio.com/2010-04-01/Accounts/{SUB}/Recordings/{RECORDING}", into)
    assert (into.getvalue(), paths(peer)) == (WAV, ["sub as sub"])


@pytest.mark.parametrize(("region", "routed"), [("", {}), ("ie1", {NUMBER.phone_number: "ie1"})])
async def test_number_gets_the_region_that_takes_its_calls(
    peer: TwoAccountsPeer, region: str, routed: dict[str, str]
) -> None:
    owned = peer.add_number(NUMBER.phone_number)
    async with opened(peer, region=region, us1_token=US1_TOKEN) as gateway:
        await gateway.configure(replace(NUMBER, carrier_number_id=owned["sid"]))
        assert gateway.configuration.endswith(" in ie1") is bool(region)
        found = await gateway.find_owned(NUMBER.phone_number)
    assert peer.routed == routed
    assert found is not None and found.target == "us"


async def test_number_whose_region_is_refused_is_not_given_up(peer: TwoAccountsPeer) -> None:
    """It is paid for; the token of another region does not open the routing API."""
    owned = peer.add_number(NUMBER.phone_number)
    async with opened(peer, region="ie1") as gateway:
        with pytest.raises(CarrierUnavailable, match="region"):
            await gateway.configure(replace(NUMBER, carrier_number_id=owned["sid"]))
