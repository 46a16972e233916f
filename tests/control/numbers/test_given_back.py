"""What was bought and is of no use goes back to the carrier, whoever died in between."""

import pytest

from control.carriers.book import Carriers
from control.db.jobs import Handler, JobFailed
from control.numbers.service import payload_of
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE
from tests.control.numbers.conftest import Scene
from tests.control.numbers.test_work import ONE, PURCHASE, Peers, both, buy, peers, release

__all__ = ["buy", "peers", "release"]  # fixtures


@both
async def test_a_number_whose_calls_cannot_reach_us_is_given_back(
    name: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    number = await scene.buy(ONE, name)
    peers[name].fail("refuse", on={"twilio": f"POST {BASE}/IncomingPhoneNumbers/PN", "telnyx": "PATCH"}[name])
    await buy(payload_of(number.id))
    after = await scene.get(number)
    assert (after.status, (after.status_detail or "").partition(":")[0]) == ("failed", "The carrier refused")
    assert len(peers[name].requests(PURCHASE[name])) == 1
    assert not peers[name].numbers
    await buy(payload_of(number.id))
    assert len(peers[name].requests(PURCHASE[name])) == 1


@both
async def test_one_that_cannot_be_given_back_at_once_is_so_later(
    name: str, scene: Scene, buy: Handler, peers: Peers
) -> None:
    number = await scene.buy(ONE, name)
    peers[name].fail("refuse", on={"twilio": f"POST {BASE}/IncomingPhoneNumbers/PN", "telnyx": "PATCH"}[name])
    peers[name].fail("503", on="DELETE", times=3)
    with pytest.raises(JobFailed) as caught:
        await buy(payload_of(number.id))
    assert not caught.value.for_good
    await buy(payload_of(number.id))
    assert ((await scene.get(number)).status, peers[name].numbers) == ("failed", {})


async def test_a_number_without_the_reference_of_its_order_is_given_back(
    scene: Scene, release: Handler, telnyx_peer: TelnyxPeer, carriers: Carriers
) -> None:
    """It was ordered, and its worker died."""
    telnyx_peer.quiet = True
    number = await scene.buy(ONE, "telnyx")
    await carriers.get("telnyx").buy(ONE, str(number.id))
    telnyx_peer.own("+14155550199", "")
    await scene.have(number, "releasing")
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"
    assert [one["phone_number"] for one in telnyx_peer.numbers.values()] == ["+14155550199"]


async def test_a_number_that_nobody_ordered_for_us_is_left_alone(
    scene: Scene, release: Handler, telnyx_peer: TelnyxPeer
) -> None:
    number = await scene.buy(ONE, "telnyx")
    telnyx_peer.own(ONE, "")
    await scene.have(number, "releasing")
    await release(payload_of(number.id))
    assert ((await scene.get(number)).status, len(telnyx_peer.numbers)) == ("released", 1)


async def test_an_order_that_is_still_worked_on_is_waited_for(
    scene: Scene, buy: Handler, release: Handler, telnyx_peer: TelnyxPeer
) -> None:
    """Or the number would come, be paid for, and nobody would know it."""
    number = await scene.buy(ONE, "telnyx")
    telnyx_peer.fail("drop", on=PURCHASE["telnyx"], after=True)
    with pytest.raises(JobFailed):
        await buy(payload_of(number.id))
    await scene.have(number, "releasing")
    with pytest.raises(JobFailed) as caught:
        await release(payload_of(number.id))
    assert (caught.value.reason, caught.value.for_good) == ("telnyx: order_pending", False)
    for order in telnyx_peer.orders.values():
        telnyx_peer._settle(order)
    await release(payload_of(number.id))
    assert ((await scene.get(number)).status, telnyx_peer.numbers) == ("released", {})
    # Done once more, after a worker died just before it was noted.
    await scene.have(number, "releasing")
    await release(payload_of(number.id))
    assert (await scene.get(number)).status == "released"
