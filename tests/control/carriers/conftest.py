"""The gateways, each with a server of its own."""

from collections.abc import AsyncIterator

import pytest

from control.carriers.telnyx import TelnyxGateway, open_telnyx
from control.carriers.telnyx_forms import TelnyxOptions
from control.carriers.twilio import TwilioGateway, open_twilio
from control.carriers.twilio_forms import TwilioOptions
from tests.control.carriers.telnyx_peer import CONNECTION, KEY, TelnyxPeer
from tests.control.carriers.twilio_peer import SID, TOKEN, TwilioPeer

WEBHOOK_URL = "https://hooks.example.com"
# Long enough for a loaded machine; tests of time limits set their own.
TIMEOUT_S = 10.0


def twilio_options(url: str, *, timeout_s: float = TIMEOUT_S, records: bool = False) -> TwilioOptions:
    return TwilioOptions(WEBHOOK_URL, SID, TOKEN, url, timeout_s, records)


def telnyx_options(url: str, *, timeout_s: float = TIMEOUT_S, records: bool = False) -> TelnyxOptions:
    return TelnyxOptions(WEBHOOK_URL, KEY, CONNECTION, f"{url}/v2", timeout_s, records)


@pytest.fixture
async def twilio(twilio_peer: TwilioPeer) -> AsyncIterator[TwilioGateway]:
    async with open_twilio(twilio_options(twilio_peer.url)) as gateway:
        yield gateway


@pytest.fixture
async def telnyx(telnyx_peer: TelnyxPeer) -> AsyncIterator[TelnyxGateway]:
    async with open_telnyx(telnyx_options(telnyx_peer.url)) as gateway:
        yield gateway
