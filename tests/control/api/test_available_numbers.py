"""GET /workspaces/{workspaceId}/phone-numbers/available: without the numbers that the platform has."""

from collections.abc import AsyncIterator

import pytest

from tests.control.api.numbers_workspace import make_workspace
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer
from tests.control.numbers.conftest import carrier_options
from tests.platform.api import Api, running_api


@pytest.fixture
async def api(
    database_url: str, valkey_url: str, twilio_peer: TwilioPeer, telnyx_peer: TelnyxPeer
) -> AsyncIterator[Api]:
    async with running_api(
        database_url, valkey_url, carriers=carrier_options(twilio_peer.url, telnyx_peer.url)
    ) as running:
        yield running


async def test_numbers_that_a_workspace_has_are_not_offered(api: Api) -> None:
    """Whichever workspace and carrier, and also while an answer of the carrier is cached."""
    ours, other = await make_workspace(api), await make_workspace(api)
    first, second, third = [offer["phone_number"] for offer in (await ours.search(limit="3")).body["available"]]
    bought = await other.buy(first, carrier="telnyx")
    await ours.buy(second)
    for searching in (ours, other):
        assert (await searching.search(limit="1")).body["available"][0]["phone_number"] == third
    await other.set_status(bought, "released")
    assert (await ours.search(limit="1")).body["available"][0]["phone_number"] == first
