"""Both carriers of the simulated network, with numbers that are not sold to everybody, and our gateways to them."""

from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from aiohttp.test_utils import TestServer, unused_port

from control.carriers.service import CarrierOptions, Carriers, open_carriers
from simulator.carrier.network.config import make_config
from simulator.carrier.network.inventory import OwnedNumber
from simulator.carrier.network.server import RunningNetwork, running_network
from simulator.carrier.network.telnyx.carrier import TelnyxCarrier
from simulator.carrier.network.twilio.carrier import TwilioCarrier

SID, TOKEN, KEY, CONNECTION = "AC" + "7" * 32, "token", "KEY-sim", "1494404757140276705"
HOOKS = "https://hooks.example.com"
# What each of these begins with needs a local address and a bundle; any address; a bundle only.
BERLIN, LONDON, MOBILE = "+493023125", "+442079460", "+447400555"
_RULES = [
    {"prefix": BERLIN, "country": "DE", "address": "local"},
    {"prefix": LONDON, "country": "GB", "address": "any", "bundle": False},
    {"prefix": MOBILE, "country": "GB", "number_type": "mobile", "address": "none"},
]


@dataclass(frozen=True, slots=True)
class RegulatedNetwork:
    """Orders at Telnyx for numbers of London need an address and a document, those of Berlin a requirement group."""

    network: RunningNetwork
    carriers: Carriers
    options: CarrierOptions

    @property
    def twilio(self) -> TwilioCarrier:
        assert self.network.twilio is not None
        return self.network.twilio

    @property
    def telnyx(self) -> TelnyxCarrier:
        assert self.network.telnyx is not None
        return self.network.telnyx

    def owned(self, phone_number: str) -> OwnedNumber:
        """A number that one of the accounts has."""
        found = self.network.phone_network.inventory.get(phone_number)
        assert found is not None
        return found

    def own(self, carrier: str, phone_number: str, **settings: str) -> None:
        """Gives an account a number, as if it was bought at the carrier's own site."""
        if carrier == "twilio":
            self.twilio.add_number(phone_number, settings)
        else:
            self.telnyx.numbers.add(phone_number, settings.get("connection_id", ""))


@asynccontextmanager
async def running_regulated_network() -> AsyncIterator[RegulatedNetwork]:
    """Runs it, without calls."""
    port = unused_port()
    url = f"http://127.0.0.1:{port}"
    fields = {
        "twilio": {"account_sid": SID, "auth_token": TOKEN, "regulated": _RULES},
        "telnyx": {
            "api_key": KEY,
            "signing_key": b64encode(bytes(range(32))).decode(),
            "connection_id": CONNECTION,
        },
    }
    config = make_config(fields, url)
    assert config.telnyx is not None
    telnyx = replace(config.telnyx, documented=(LONDON,), grouped=(BERLIN,), order_s=0.0)
    options = CarrierOptions(
        HOOKS,
        twilio_account_sid=SID,
        twilio_token=TOKEN,
        twilio_api_url=url,
        telnyx_api_key=KEY,
        telnyx_connection_id=CONNECTION,
        telnyx_api_url=f"{url}/v2",
        timeout_s=10.0,
    )
    async with (
        running_network(replace(config, telnyx=telnyx)) as network,
        TestServer(network.app, host="127.0.0.1", port=port),
        open_carriers(options) as carriers,
    ):
        yield RegulatedNetwork(network, carriers, options)
