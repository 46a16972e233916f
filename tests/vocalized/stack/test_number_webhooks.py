"""The webhooks of numbers from an earlier start get the new host; path and fragment do not change."""

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from lab.stage.platform import phone_network
from simulator.carrier.network.config import make_config
from vocalized.free_port import free_port
from vocalized.stack.carrier_keys import CarrierKeys, carrier_keys
from vocalized.stack.number_webhooks import update_number_webhooks
from vocalized.stack.ports import Ports
from vocalized.stack.process import ServerFailed
from vocalized.stack.settings import network_settings

OLD_WEBHOOK_URL = "https://old.example/webhooks/calls"
PORTS = Ports(8080, 8081, free_port(), (8082,))


@pytest.fixture
def keys(tmp_path: Path) -> CarrierKeys:
    return carrier_keys(tmp_path)


@pytest.fixture
async def twilio(keys: CarrierKeys) -> AsyncIterator[aiohttp.ClientSession]:
    """A change of the account's numbers over Twilio's REST API."""
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


async def test_webhooks_get_the_new_host_and_keep_the_rest(twilio: aiohttp.ClientSession, keys: CarrierKeys) -> None:
    own_numbers = await bought(
        twilio,
        VoiceUrl=f"{OLD_WEBHOOK_URL}/inbound",
        VoiceFallbackUrl=f"{OLD_WEBHOOK_URL}/inbound?again=1",
        StatusCallback=f"{OLD_WEBHOOK_URL}/status#rc=3&rp=5xx,ct,rt",
    )
    nobodys = await bought(twilio, VoiceUrl="https://other.example/voice")
    updated = [
        await update_number_webhooks(PORTS.carrier_url, keys.account_sid, keys.auth_token, "http://now.example/behind")
        for _ in range(2)
    ]
    assert updated == [1, 0]
    new_url = "http://now.example/behind/webhooks/calls"
    assert await urls_of(twilio, own_numbers) == (
        f"{new_url}/inbound",
        f"{new_url}/inbound?again=1",
        f"{new_url}/status#rc=3&rp=5xx,ct,rt",
    )
    assert await urls_of(twilio, nobodys) == ("https://other.example/voice", "", "")


async def test_unreachable_carrier_is_reported(keys: CarrierKeys) -> None:
    with pytest.raises(ServerFailed, match="could not be pointed here"):
        await update_number_webhooks(f"http://127.0.0.1:{free_port()}", keys.account_sid, keys.auth_token, "http://x")
