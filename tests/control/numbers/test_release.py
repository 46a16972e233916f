"""Numbers that are bought and not used are released at the carrier, also after a crash."""

import pytest

from control.carriers.service import Carriers
from control.db.jobs import JobFailed, JobHandler
from control.numbers.service import make_payload
from tests.control.carriers.telnyx_peer import TelnyxPeer
from tests.control.carriers.twilio_peer import BASE
from tests.control.numbers.conftest import NumbersWorkspace
from tests.control.numbers.test_purchase_jobs import ONE, PURCHASE, Peers, both_carriers, buy, peers, release

__all__ = ["buy", "peers", "release"]  # fixtures


@both_carriers
async def test_number_that_cannot_be_configured_is_released(
    name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers
) -> None:
    number = await workspace.buy(ONE, name)
    peers[name].fail("refuse", on={"twilio": f"POST {BASE}/IncomingPhoneNumbers/PN", "telnyx": "PATCH"}[name])
    await buy(make_payload(number.id))
    after = await workspace.get(number)
    assert (after.status, (after.status_detail or "").partition(":")[0]) == ("failed", "The carrier refused")
    assert len(peers[name].requests_to(PURCHASE[name])) == 1
    assert not peers[name].numbers
    await buy(make_payload(number.id))
    assert len(peers[name].requests_to(PURCHASE[name])) == 1


@both_carriers
async def test_failed_release_is_retried(name: str, workspace: NumbersWorkspace, buy: JobHandler, peers: Peers) -> None:
    number = await workspace.buy(ONE, name)
    peers[name].fail("refuse", on={"twilio": f"POST {BASE}/IncomingPhoneNumbers/PN", "telnyx": "PATCH"}[name])
    peers[name].fail("503", on="DELETE", times=3)
    with pytest.raises(JobFailed) as caught:
        await buy(make_payload(number.id))
    assert not caught.value.is_permanent
    await buy(make_payload(number.id))
    assert ((await workspace.get(number)).status, peers[name].numbers) == ("failed", {})


async def test_number_without_its_orders_reference_is_released(
    workspace: NumbersWorkspace, release: JobHandler, telnyx_peer: TelnyxPeer, carriers: Carriers
) -> None:
    """The number was ordered, and the worker died."""
    telnyx_peer.omits_reference = True
    number = await workspace.buy(ONE, "telnyx")
    await carriers.get("telnyx").buy(ONE, str(number.id))
    telnyx_peer.add_number("+14155550199", "")
    await workspace.set_status(number, "releasing")
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"
    assert [number["phone_number"] for number in telnyx_peer.numbers.values()] == ["+14155550199"]


async def test_number_without_our_order_is_not_released(
    workspace: NumbersWorkspace, release: JobHandler, telnyx_peer: TelnyxPeer
) -> None:
    number = await workspace.buy(ONE, "telnyx")
    telnyx_peer.add_number(ONE, "")
    await workspace.set_status(number, "releasing")
    await release(make_payload(number.id))
    assert ((await workspace.get(number)).status, len(telnyx_peer.numbers)) == ("released", 1)


async def test_pending_order_is_waited_for(
    workspace: NumbersWorkspace, buy: JobHandler, release: JobHandler, telnyx_peer: TelnyxPeer
) -> None:
    """Otherwise the number would be bought and paid for without our knowledge."""
    number = await workspace.buy(ONE, "telnyx")
    telnyx_peer.fail("drop", on=PURCHASE["telnyx"], after=True)
    with pytest.raises(JobFailed):
        await buy(make_payload(number.id))
    await workspace.set_status(number, "releasing")
    with pytest.raises(JobFailed) as caught:
        await release(make_payload(number.id))
    assert (caught.value.reason, caught.value.is_permanent) == ("telnyx: order_pending", False)
    for order in telnyx_peer.orders.values():
        telnyx_peer._settle(order)
    await release(make_payload(number.id))
    assert ((await workspace.get(number)).status, telnyx_peer.numbers) == ("released", {})
    # Repeated, as after a crash just before it was stored.
    await workspace.set_status(number, "releasing")
    await release(make_payload(number.id))
    assert (await workspace.get(number)).status == "released"
