"""Numbers follow the address of our webhooks."""

from datetime import timedelta

import pytest

from control.carriers.service import Carriers, open_carriers
from control.numbers.service import make_payload
from control.numbers.tasks import RETRY_AFTER, configure_numbers, make_buy_job
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import TwilioPeer
from tests.control.numbers.conftest import NOW, NumbersWorkspace, carrier_options

ONE, TWO = "+14155550123", "+14155550124"


@pytest.fixture
async def bought(workspace: NumbersWorkspace, carriers: Carriers) -> list[str]:
    """Two active numbers at Twilio, by its ids."""
    ids = []
    for phone_number in (ONE, TWO):
        number = await workspace.buy(phone_number, "twilio")
        await make_buy_job(workspace.pool, workspace.numbers, carriers)(make_payload(number.id))
        ids.append(str((await workspace.get(number)).carrier_number_id))
    return ids


async def test_numbers_are_configured_anew_when_the_address_changes(
    workspace: NumbersWorkspace,
    carriers: Carriers,
    bought: list[str],
    twilio_peer: TwilioPeer,
    telnyx_peer: TelnyxPeer,
) -> None:
    assert await configure_numbers(workspace.pool, carriers, NOW, 10) == 2
    assert await configure_numbers(workspace.pool, carriers, NOW, 10) == 0
    moved = carrier_options(twilio_peer.url, telnyx_peer.url, webhook_url="https://moved.example.com")
    async with open_carriers(moved) as after:
        later = NOW + RETRY_AFTER + timedelta(seconds=1)
        assert [await configure_numbers(workspace.pool, after, later, 1) for _ in range(3)] == [1, 1, 0]
    assert {twilio_peer.numbers[sid]["voice_url"] for sid in bought} == {
        "https://moved.example.com/webhooks/calls/inbound"
    }


@pytest.mark.parametrize(
    "elsewhere",
    [{"voice_url": "https://ivr.example.com/answer"}, {"trunk_sid": "TK1"}, {"voice_application_sid": "AP1"}],
)
async def test_number_that_its_owner_sent_elsewhere_is_left_alone(
    workspace: NumbersWorkspace,
    carriers: Carriers,
    bought: list[str],
    twilio_peer: TwilioPeer,
    elsewhere: dict[str, str],
) -> None:
    """Until nothing else uses it any more."""
    before = dict(twilio_peer.numbers[bought[0]])
    twilio_peer.numbers[bought[0]] |= elsewhere
    assert await configure_numbers(workspace.pool, carriers, NOW, 10) == 2
    assert twilio_peer.numbers[bought[0]] == before | elsewhere
    assert await configure_numbers(workspace.pool, carriers, NOW + timedelta(minutes=1), 10) == 0
    twilio_peer.numbers[bought[0]] |= dict.fromkeys(elsewhere, "")
    assert await configure_numbers(workspace.pool, carriers, NOW + 2 * RETRY_AFTER, 10) == 1
    assert await configure_numbers(workspace.pool, carriers, NOW + 4 * RETRY_AFTER, 10) == 0


async def test_number_that_is_refused_does_not_stop_the_others(
    workspace: NumbersWorkspace, carriers: Carriers, bought: list[str], twilio_peer: TwilioPeer
) -> None:
    del twilio_peer.numbers[bought[0]]
    assert await configure_numbers(workspace.pool, carriers, NOW, 10) == 2
    assert twilio_peer.numbers[bought[1]]["voice_url"]
    assert await configure_numbers(workspace.pool, carriers, NOW + timedelta(minutes=1), 10) == 0
    assert await configure_numbers(workspace.pool, carriers, NOW + 2 * RETRY_AFTER, 10) == 1


async def test_carrier_that_is_unavailable_is_asked_once_a_run(
    workspace: NumbersWorkspace, carriers: Carriers, bought: list[str], twilio_peer: TwilioPeer
) -> None:
    del twilio_peer.received[:]
    twilio_peer.fail("500", times=3)  # one request and its retries
    assert await configure_numbers(workspace.pool, carriers, NOW, 10) == 1
    assert len(twilio_peer.received) == 3
