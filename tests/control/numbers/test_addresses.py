"""Addresses: registered at every carrier by a job, and deleted there before they are deleted here."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from control.addresses.rules import BusinessAddress
from control.addresses.service import (
    DELETE_ADDRESS,
    MOST_ADDRESSES,
    REGISTER_ADDRESS,
    STUCK,
    BusinessAddresses,
    make_address_payload,
)
from control.db.jobs import JobFailed
from control.http.services import Services
from control.workspaces.queries import lock_purgeable
from shared.errors import Conflict, NotFound
from tests.control.numbers.conftest import NOW
from tests.control.numbers.regulated import OFFICE, RegulatedWorkspace, regulated_workspace
from tests.platform.regulated_network import LONDON

MUCH_LATER = datetime.now(UTC) + timedelta(days=1)


@pytest.fixture
async def ours(database_url: str, services: Services) -> AsyncIterator[RegulatedWorkspace]:
    async with regulated_workspace(database_url, services) as running:
        yield running


def at_carriers(ours: RegulatedWorkspace) -> list[str]:
    """The ids of all addresses that the carriers have."""
    return [*ours.regulated.telnyx.numbers.requirements.addresses, *ours.regulated.twilio.regulation.addresses]


def states(address: BusinessAddress) -> dict[str, str]:
    return {registration.carrier: registration.status for registration in address.registrations}


async def test_an_address_is_registered_at_every_carrier_and_deleted_there(ours: RegulatedWorkspace) -> None:
    address = await ours.create()
    assert states(address) == {"telnyx": "pending", "twilio": "pending"}
    assert (REGISTER_ADDRESS, make_address_payload(address.id)) in await ours.workspace.queued_jobs()
    for _ in range(2):
        await ours.run_register(address.id)
    registered = await ours.get(address.id)
    assert states(registered) == {"telnyx": "registered", "twilio": "registered"}
    assert [registration.carrier_address_id for registration in registered.registrations] == at_carriers(ours)
    await ours.delete(address.id)
    with pytest.raises(NotFound):
        await ours.get(address.id)
    assert (DELETE_ADDRESS, make_address_payload(address.id)) in await ours.workspace.queued_jobs()
    for _ in range(2):
        await ours.run_delete(address.id)
    assert at_carriers(ours) == []
    assert await ours.workspace.fetch("SELECT FROM business_addresses WHERE id = $1", address.id) == []
    assert await ours.audit(address.id) == ["address.create", "address.delete"]


async def test_an_address_that_a_carrier_refuses_tells_why(ours: RegulatedWorkspace) -> None:
    address = await ours.register(replace(OFFICE, country="US", postal_code="none"))
    twilio = address.registration_at("twilio")
    assert twilio is not None and twilio.status == "rejected"
    assert twilio.status_detail == "The carrier refused: the address could not be validated: check its spelling."
    assert states(address)["telnyx"] == "registered"


async def test_one_carriers_outage_does_not_keep_it_from_the_other(ours: RegulatedWorkspace) -> None:
    address = await ours.create()
    ours.regulated.telnyx.fail_next.extend([503] * 3)
    with pytest.raises(JobFailed) as failed:
        await ours.run_register(address.id)
    assert failed.value.reason == "telnyx: 503" and not failed.value.is_permanent
    assert states(await ours.get(address.id)) == {"telnyx": "pending", "twilio": "registered"}
    await ours.run_register(address.id)
    assert states(await ours.get(address.id))["telnyx"] == "registered"


async def test_an_address_that_is_deleted_while_it_is_registered_is_left_nowhere(
    ours: RegulatedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The deletion is done before the carrier has the address."""
    address = await ours.create(OFFICE, "twilio")
    documents = ours.regulated.carriers.get("twilio").documents
    create = documents.create_address

    async def create_late(*values: object) -> str:
        await ours.delete(address.id)
        await ours.run_delete(address.id)
        return await create(*values)  # type: ignore[arg-type]

    monkeypatch.setattr(documents, "create_address", create_late)
    await ours.run_register(address.id)
    assert at_carriers(ours) == []


async def test_a_registration_that_was_not_stored_is_found_by_the_deletion(ours: RegulatedWorkspace) -> None:
    """The worker died after the carrier had registered it."""
    address = await ours.create()
    await ours.regulated.carriers.get("twilio").documents.create_address(OFFICE, str(address.id))
    await ours.delete(address.id)
    ours.regulated.twilio.fail_next.extend([503] * 3)
    with pytest.raises(JobFailed):
        await ours.run_delete(address.id)
    await ours.run_delete(address.id)
    assert at_carriers(ours) == []


async def test_an_address_that_was_deleted_while_it_was_registered_is_deleted_by_a_repeated_job(
    ours: RegulatedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The carrier is away when the late registration is to be undone, and no row is left."""
    address = await ours.create(OFFICE, "twilio")
    documents = ours.regulated.carriers.get("twilio").documents
    create = documents.create_address

    async def create_late(*values: object) -> str:
        await ours.delete(address.id)
        await ours.run_delete(address.id)
        found = await create(*values)  # type: ignore[arg-type]
        ours.regulated.twilio.fail_next.extend([503] * 3)
        return found

    monkeypatch.setattr(documents, "create_address", create_late)
    with pytest.raises(JobFailed):
        await ours.run_register(address.id)
    await ours.run_register(address.id)
    assert at_carriers(ours) == []


@pytest.mark.parametrize("status", [401, 403])
async def test_an_account_that_may_not_register_rejects_no_address(ours: RegulatedWorkspace, status: int) -> None:
    """A wrong key is the operator's fault: no customer has to create the address again."""
    address = await ours.create()
    ours.regulated.twilio.fail_next.append(status)
    ours.regulated.telnyx.fail_next.append(status)
    with pytest.raises(JobFailed):
        await ours.run_register(address.id)
    assert states(await ours.get(address.id)) == {"telnyx": "pending", "twilio": "pending"}
    await ours.run_register(address.id)
    assert states(await ours.get(address.id)) == {"telnyx": "registered", "twilio": "registered"}


async def test_one_carriers_outage_does_not_keep_an_address_at_the_other(ours: RegulatedWorkspace) -> None:
    address = await ours.register()
    await ours.delete(address.id)
    ours.regulated.telnyx.fail_next.extend([503] * 3)
    with pytest.raises(JobFailed):
        await ours.run_delete(address.id)
    assert len(at_carriers(ours)) == 1 and not ours.regulated.twilio.regulation.addresses
    await ours.run_delete(address.id)
    assert at_carriers(ours) == []


async def test_an_address_that_was_registered_twice_is_deleted_twice(
    ours: RegulatedWorkspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The answer to the first registration was lost, and the carrier did not list it at once."""
    address = await ours.create()
    for carrier in ours.regulated.carriers:
        monkeypatch.setattr(carrier.documents, "find_addresses", _find_none)
        await carrier.documents.create_address(OFFICE, str(address.id))
    await ours.run_register(address.id)
    monkeypatch.undo()
    assert len(at_carriers(ours)) == 4
    await ours.delete(address.id)
    await ours.run_delete(address.id)
    assert at_carriers(ours) == []


async def _find_none(reference: str) -> list[str]:
    return []


async def test_an_address_of_a_number_is_kept(ours: RegulatedWorkspace) -> None:
    address = await ours.register()
    number = await ours.order(f"{LONDON}100", address=address.id)
    with pytest.raises(Conflict) as caught:
        await ours.delete(address.id)
    assert caught.value.code == "address_in_use"
    await ours.workspace.set_status(number, "released")
    await ours.delete(address.id)
    await ours.run_delete(address.id)
    assert (await ours.workspace.get(number)).address_id is None


async def test_an_address_that_a_bundle_names_is_kept(ours: RegulatedWorkspace) -> None:
    """A number may be held under it that was imported, or bought under the bundle alone."""
    address = await ours.register()
    registration = address.registration_at("twilio")
    assert registration is not None and registration.carrier_address_id is not None
    made = ours.regulated.twilio.regulation.add_bundle(
        "DE", "local", "twilio-approved", registration.carrier_address_id
    )
    bundle = await ours.link("twilio", made.sid)
    with pytest.raises(Conflict) as caught:
        await ours.delete(address.id)
    assert caught.value.code == "address_in_use"
    await ours.workspace.execute("UPDATE regulatory_bundles SET status = 'expired' WHERE id = $1", bundle.id)
    await ours.delete(address.id)


async def test_the_number_of_addresses_is_bounded(ours: RegulatedWorkspace) -> None:
    await ours.workspace.execute(
        "INSERT INTO business_addresses (id, workspace_id, customer_name, street, city, region, postal_code, country) "
        "SELECT gen_random_uuid(), $1, 'A', 'A', 'A', 'A', 'A', 'DE' FROM generate_series(1, $2)",
        ours.workspace.workspace_id,
        MOST_ADDRESSES,
    )
    with pytest.raises(Conflict) as caught:
        await ours.create()
    assert caught.value.code == "address_limit"
    await ours.workspace.execute(
        "UPDATE business_addresses SET status = 'deleting' WHERE workspace_id = $1", ours.workspace.workspace_id
    )
    with pytest.raises(Conflict) as caught:
        await ours.create()
    assert caught.value.code == "address_limit", "carriers have those that are not deleted yet"


async def test_stuck_and_missing_registrations_are_taken_up_again(ours: RegulatedWorkspace) -> None:
    """A carrier that is set up later gets the addresses that are there."""
    workspace, addresses = ours.workspace, ours.workspace.services[BusinessAddresses]
    await workspace.execute("DELETE FROM business_addresses")  # of the other tests
    lost, deleted, early = await ours.create(), await ours.create(), await ours.create(OFFICE, "twilio")
    await ours.run_register(early.id)
    await ours.delete(deleted.id)
    await workspace.execute("DELETE FROM pgqueuer")
    both = ["telnyx", "twilio"]
    assert await workspace.in_platform(lambda db: addresses.requeue_stuck(db, both, NOW + STUCK / 2, 50)) == 1
    assert await workspace.queued_jobs() == [(REGISTER_ADDRESS, make_address_payload(early.id))]
    await workspace.in_platform(lambda db: addresses.requeue_stuck(db, both, NOW + STUCK * 2, 50))
    queued = await workspace.queued_jobs()
    assert (REGISTER_ADDRESS, make_address_payload(lost.id)) in queued
    assert (DELETE_ADDRESS, make_address_payload(deleted.id)) in queued
    await workspace.in_platform(lambda db: addresses.requeue_stuck(db, both, NOW + STUCK * 2, 50))
    assert await workspace.queued_jobs() == queued
    await ours.run_register(early.id)
    assert states(await ours.get(early.id)) == {"telnyx": "registered", "twilio": "registered"}


async def test_a_deleted_workspace_is_purged_once_the_carriers_have_no_address_of_it(ours: RegulatedWorkspace) -> None:
    workspace, addresses = ours.workspace, ours.workspace.services[BusinessAddresses]
    address = await ours.register()
    number = await ours.order(f"{LONDON}101", address=address.id)
    await workspace.execute(
        "UPDATE workspaces SET deleted_at = now() - interval '1 day', purge_after = now() WHERE id = $1",
        workspace.workspace_id,
    )

    async def due() -> bool:
        return workspace.workspace_id in await workspace.in_platform(lambda db: lock_purgeable(db, MUCH_LATER, 100))

    async def expire() -> None:
        await workspace.in_platform(lambda db: addresses.delete_expired(db, MUCH_LATER, 10))

    await expire()
    assert (await ours.get(address.id)).status == "active", "its number is released first"
    await workspace.set_status(number, "released")
    assert not await due()
    await expire()
    assert not await due()
    await ours.run_delete(address.id)
    assert at_carriers(ours) == [] and await due()
    await workspace.execute("DELETE FROM workspaces WHERE id = $1", workspace.workspace_id)
