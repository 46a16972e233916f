"""Numbers that are not sold to everybody, bought under an address and documents of the workspace."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from control.carriers.rules import CarrierRefused, NumberPending, PostalAddress
from control.db.jobs import JobFailed
from control.http.services import Services
from control.regulatory_bundles.rules import RegulatoryBundle
from control.regulatory_bundles.service import MOST_BUNDLES, RegulatoryBundles
from control.regulatory_bundles.tasks import APPROVED_FOR, OTHERS_FOR, check_bundles
from shared.errors import Conflict, Invalid
from tests.control.numbers.conftest import NOW
from tests.control.numbers.regulated import RegulatedWorkspace, regulated_workspace
from tests.platform.regulated_network import BERLIN, LONDON, MOBILE

ABROAD = PostalAddress("Acme Ltd", "1 High St", "", "London", "London", "SW1A 1AA", "GB")


@pytest.fixture
async def ours(database_url: str, services: Services) -> AsyncIterator[RegulatedWorkspace]:
    async with regulated_workspace(database_url, services) as running:
        yield running


async def test_a_number_of_twilio_is_bought_under_the_only_fitting_address_and_bundle(ours: RegulatedWorkspace) -> None:
    """Without them the order is refused before anything is bought, and the refusal names what is missing."""
    number = f"{BERLIN}001"
    with pytest.raises(Invalid) as caught:
        await ours.order(number)
    assert (caught.value.code, caught.value.param) == ("bundle_required", "bundle_id")
    address, _ = await ours.register(), await ours.register(ABROAD)
    registration = address.registration_at("twilio")
    assert registration is not None and registration.carrier_address_id is not None
    made = ours.regulated.twilio.regulation.add_bundle("DE", "local", "in-review", registration.carrier_address_id)
    bundle = await ours.link("twilio", made.sid)
    with pytest.raises(Invalid) as caught:
        await ours.order(number, bundle=bundle.id)
    assert (caught.value.code, str(caught.value)) == (
        "bundle_not_usable", "The carrier has not approved this bundle: it is in_review.",
    )  # fmt: skip
    made.status = "twilio-approved"
    await check_bundles(ours.workspace.pool, ours.regulated.carriers, NOW + OTHERS_FOR + timedelta(seconds=1), 50)
    ordered = await ours.order(number)
    assert (ordered.address_id, ordered.bundle_id) == (address.id, bundle.id)
    await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "active"
    settings = ours.regulated.owned(number).settings
    assert (settings["AddressSid"], settings["BundleSid"]) == (registration.carrier_address_id, made.sid)


async def test_the_address_of_the_bundle_is_used_where_the_workspace_has_none(ours: RegulatedWorkspace) -> None:
    inside = await ours.regulated.carriers.get("twilio").documents.create_address(
        PostalAddress("Acme", "1 St", "", "Berlin", "Berlin", "10119", "DE"), "made in the console"
    )
    made = ours.regulated.twilio.regulation.add_bundle("DE", "local", "twilio-approved", inside)
    await ours.link("twilio", made.sid)
    ordered = await ours.order(f"{BERLIN}002")
    assert ordered.address_id is None
    await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "active"
    assert ours.regulated.owned(f"{BERLIN}002").settings["AddressSid"] == inside


async def test_carriers_refusal_is_explained_in_a_sentence(ours: RegulatedWorkspace) -> None:
    """Twilio's rules changed after the order was taken."""
    address = await ours.register(ABROAD)
    ordered = await ours.order(f"{LONDON}010")
    assert ordered.address_id == address.id
    ours.regulated.twilio.regulation.addresses.clear()
    await ours.run_buy(ordered)
    after = await ours.workspace.get(ordered)
    assert (after.status, after.status_detail) == (
        "failed",
        "The carrier refused: numbers of this kind need an address in the number's country, which is not registered "
        "with the carrier.",
    )


async def test_telnyx_gets_the_address_and_tells_what_is_left(ours: RegulatedWorkspace) -> None:
    """The worker dies after the order was placed: the next one submits the address."""
    address = await ours.register(ABROAD)
    ordered = await ours.order(f"{LONDON}020", "telnyx")
    assert ordered.address_id == address.id
    with pytest.raises(JobFailed):
        await ours.run_buy(ordered)
    waiting = await ours.workspace.get(ordered)
    assert (waiting.status, waiting.status_detail) == (
        "buying", "The carrier still needs this for the number before it takes calls: a document.",
    )  # fmt: skip
    (order,) = ours.regulated.telnyx.numbers.orders(customer_reference=str(ordered.id))
    registration = address.registration_at("telnyx")
    assert registration is not None and list(order.values.values()) == [registration.carrier_address_id]
    order.values.clear()
    with pytest.raises(JobFailed):
        await ours.run_buy(ordered)
    assert list(order.values.values()) == [registration.carrier_address_id]
    ours.regulated.telnyx.numbers.approve(order.id)
    await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "active"


async def test_an_address_that_telnyx_refuses_for_an_order_fails_no_purchase(ours: RegulatedWorkspace) -> None:
    """The order stays open at Telnyx: once it is fulfilled there, the number is ours and has to be known."""
    await ours.register(ABROAD)
    ordered = await ours.order(f"{LONDON}021", "telnyx")
    requirements = ours.regulated.telnyx.numbers.requirements
    requirements.addresses.clear()
    with pytest.raises(JobFailed):
        await ours.run_buy(ordered)
    waiting = await ours.workspace.get(ordered)
    assert (waiting.status, waiting.status_detail) == (
        "buying", "The carrier did not accept the address for this number.",
    )  # fmt: skip
    (order,) = ours.regulated.telnyx.numbers.orders(customer_reference=str(ordered.id))
    ours.regulated.telnyx.numbers.approve(order.id)
    await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "active"


async def test_a_purchase_does_not_fail_while_its_order_is_open(
    ours: RegulatedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Telnyx refuses a request about the order, for a key without rights, say."""
    ordered = await ours.order(f"{LONDON}022", "telnyx")
    carrier = ours.regulated.carriers.get("telnyx")
    buy = carrier.buy

    async def buy_then_refuse(*values: object) -> None:
        with pytest.raises(NumberPending):
            await buy(*values)  # type: ignore[arg-type]
        ours.regulated.network.phone_network.inventory.remove(f"{LONDON}022")
        raise CarrierRefused("telnyx", "10010", "refused with HTTP 403")

    monkeypatch.setattr(carrier, "buy", buy_then_refuse)
    with pytest.raises(JobFailed):
        await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "buying"


async def test_an_order_that_waits_for_documents_is_cancelled_with_its_number(ours: RegulatedWorkspace) -> None:
    """Otherwise the number would be in release, and count against the tier, for as long as the order waits."""
    ordered = await ours.order(f"{LONDON}024", "telnyx")
    with pytest.raises(JobFailed):
        await ours.run_buy(ordered)
    await ours.workspace.set_status(ordered, "releasing")
    ours.regulated.telnyx.fail_next.extend([503] * 3)
    with pytest.raises(JobFailed):
        await ours.run_release(ordered)
    await ours.run_release(ordered)
    assert (await ours.workspace.get(ordered)).status == "released"
    (order,) = ours.regulated.telnyx.numbers.orders(customer_reference=str(ordered.id))
    assert order.status == "failure"
    assert ours.regulated.network.phone_network.inventory.get(f"{LONDON}024") is None


async def test_telnyx_gets_the_requirement_group(ours: RegulatedWorkspace) -> None:
    group = ours.regulated.telnyx.numbers.requirements.add_group("DE", "local")
    bundle = await ours.link("telnyx", group.id)
    ordered = await ours.order(f"{BERLIN}030", "telnyx", bundle=bundle.id)
    await ours.run_buy(ordered)
    assert (await ours.workspace.get(ordered)).status == "active"


async def test_a_bundle_is_of_one_workspace_and_stays_while_it_is_used(
    ours: RegulatedWorkspace, database_url: str, services: Services
) -> None:
    made = ours.regulated.twilio.regulation.add_bundle("GB", "mobile", "twilio-approved")
    bundle = await ours.link("twilio", made.sid)
    async with regulated_workspace(database_url, services) as theirs:
        theirs.regulated.twilio.regulation.bundles[made.sid] = made
        with pytest.raises(Conflict) as caught:
            await theirs.link("twilio", made.sid)
        assert (caught.value.code, caught.value.param) == ("bundle_linked", "carrier_bundle_id")
        with pytest.raises(Invalid) as unknown:
            await theirs.link("twilio", "BU" + "0" * 32)
        assert unknown.value.code == "bundle_unknown"
        with pytest.raises(Invalid) as foreign:
            await theirs.order(f"{MOBILE}040", bundle=bundle.id)
        assert foreign.value.code == "bundle_unknown", "another workspace's bundle cannot be named"
    number = await ours.order(f"{MOBILE}040")
    assert number.bundle_id == bundle.id

    async def unlink() -> None:
        it = ours.workspace
        await it.in_platform(lambda db: it.services[RegulatoryBundles].unlink(db, it.workspace_id, it.actor, bundle.id))

    with pytest.raises(Conflict) as used:
        await unlink()
    assert used.value.code == "bundle_in_use"
    await ours.workspace.set_status(number, "failed")
    await unlink()
    assert await ours.audit(bundle.id) == ["bundle.link", "bundle.unlink"]
    assert ours.regulated.twilio.regulation.bundles, "the carrier keeps it"


async def test_the_number_of_bundles_is_bounded(ours: RegulatedWorkspace) -> None:
    await ours.workspace.execute(
        "INSERT INTO regulatory_bundles (id, workspace_id, carrier, carrier_bundle_id, country, number_kind, status) "
        "SELECT gen_random_uuid(), $1, 'twilio', gen_random_uuid()::text, 'DE', 'local', 'draft' "
        "FROM generate_series(1, $2)",
        ours.workspace.workspace_id,
        MOST_BUNDLES,
    )
    made = ours.regulated.twilio.regulation.add_bundle("GB", "mobile", "twilio-approved")
    with pytest.raises(Conflict) as caught:
        await ours.link("twilio", made.sid)
    assert caught.value.code == "bundle_limit"


async def test_telnyx_gets_an_address_that_is_registered_after_the_order(ours: RegulatedWorkspace) -> None:
    address = await ours.create(ABROAD, "telnyx")
    ordered = await ours.order(f"{LONDON}023", "telnyx")
    for _ in range(2):
        with pytest.raises(JobFailed):
            await ours.run_buy(ordered)
        await ours.run_register(address.id)
    (order,) = ours.regulated.telnyx.numbers.orders(customer_reference=str(ordered.id))
    assert list(order.values.values()) == list(ours.regulated.telnyx.numbers.requirements.addresses)


async def test_the_statuses_of_bundles_follow_the_carriers(ours: RegulatedWorkspace) -> None:
    """An outage keeps the last status; what the carrier has no more is expired."""
    pool, carriers, add = ours.workspace.pool, ours.regulated.carriers, ours.regulated.twilio.regulation.add_bundle
    await ours.workspace.execute("DELETE FROM regulatory_bundles")  # of the other tests
    approved, draft = add("DE", "local", "twilio-approved"), add("DE", "mobile", "draft")
    ids = [(await ours.link("twilio", made.sid)).id for made in (approved, draft)]

    async def statuses() -> list[str]:
        return [(await get(bundle_id)).status for bundle_id in ids]

    async def get(bundle_id: UUID) -> RegulatoryBundle:
        it = ours.workspace
        return await it.in_workspace(lambda db: it.services[RegulatoryBundles].get(db, it.workspace_id, bundle_id))

    draft.status, until = "twilio-rejected", datetime(2027, 1, 1, tzinfo=UTC)
    soon, later = NOW + OTHERS_FOR + timedelta(seconds=1), NOW + APPROVED_FOR + OTHERS_FOR + timedelta(seconds=2)
    assert await check_bundles(pool, carriers, NOW + OTHERS_FOR / 2, 50) == 0
    assert await check_bundles(pool, carriers, soon, 50) == 1
    assert await statuses() == ["approved", "rejected"]
    approved.valid_until = until
    ours.regulated.twilio.fail_next.extend([503] * 3)
    assert await check_bundles(pool, carriers, later, 50) == 1
    del ours.regulated.twilio.regulation.bundles[draft.sid]
    assert await check_bundles(pool, carriers, later + APPROVED_FOR + timedelta(seconds=1), 50) == 2
    assert await statuses() == ["approved", "expired"]
    assert (await get(ids[0])).valid_until == until
