"""Numbers of an earlier start learn where the webhooks are now, and keep all that follows the host."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from simulator.carrier.network.config import make_config
from vocalized.carrier_keys import CarrierKeys, carrier_keys
from vocalized.child import ServerFailed, free_port
from vocalized.number_urls import point_numbers_here
from vocalized.rehearse.stage import phone_network
from vocalized.surroundings import Ports, network_settings

HOOKS = "https://old.example/webhooks/calls"
PORTS = Ports(8080, 8081, free_port(), (8082,))


@pytest.fixture
def keys(tmp_path: Path) -> CarrierKeys:
    return carrier_keys(tmp_path)


@pytest.fixture
async def twilio(keys: CarrierKeys) -> AsyncIterator[aiohttp.ClientSession]:
    """The account's own hand on its numbers."""
    config = make_config(network_settings(PORTS, keys, "http://127.0.0.1:8080", ("twilio",)))
    headers = {"Authorization": aiohttp.encode_basic_auth(keys.account_sid, keys.auth_token)}
    async with phone_network(config, PORTS.carrier):
        base = f"{PORTS.carrier_url}/2010-04-01/Accounts/{keys.account_sid}/"
        async with aiohttp.ClientSession(base, headers=headers, raise_for_status=True) as session:
            yield session


async def bought(twilio: aiohttp.ClientSession, **urls: str) -> str:
    async with twilio.get("AvailablePhoneNumbers/US/Local.json") as response:
        number = (await response.json())["available_phone_numbers"][0]["phone_number"]
    async with twilio.post("IncomingPhoneNumbers.json", data={"PhoneNumber": number, **urls}) as response:
        sid: str = (await response.json())["sid"]
        return sid


async def urls_of(twilio: aiohttp.ClientSession, sid: str) -> tuple[str, str, str]:
    async with twilio.get(f"IncomingPhoneNumbers/{sid}.json") as response:
        number = await response.json()
    return number["voice_url"], number["voice_fallback_url"], number["status_callback"]


async def test_all_addresses_are_of_today_and_nothing_behind_the_host_is_lost(
    twilio: aiohttp.ClientSession, keys: CarrierKeys
) -> None:
    ours = await bought(
        twilio,
        VoiceUrl=f"{HOOKS}/inbound",
        VoiceFallbackUrl=f"{HOOKS}/inbound?again=1",
        StatusCallback=f"{HOOKS}/status#rc=3&rp=5xx,ct,rt",
    )
    nobodys = await bought(twilio, VoiceUrl="https://other.example/voice")
    told = [
        await point_numbers_here(PORTS.carrier_url, keys.account_sid, keys.auth_token, "http://now.example/behind")
        for _ in range(2)
    ]
    assert told == [1, 0]
    here = "http://now.example/behind/webhooks/calls"
    assert await urls_of(twilio, ours) == (
        f"{here}/inbound",
        f"{here}/inbound?again=1",
        f"{here}/status#rc=3&rp=5xx,ct,rt",
    )
    assert await urls_of(twilio, nobodys) == ("https://other.example/voice", "", "")


async def test_a_carrier_that_does_not_answer_is_told_of(keys: CarrierKeys) -> None:
    with pytest.raises(ServerFailed, match="could not be pointed here"):
        await point_numbers_here(f"http://127.0.0.1:{free_port()}", keys.account_sid, keys.auth_token, "http://x")
