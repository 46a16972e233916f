"""Addresses and regulatory bundles in the API, and purchases that need them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from control.addresses.service import BusinessAddresses, make_address_payload
from control.addresses.tasks import make_register_address_job
from control.db.pool import open_pool
from tests.platform.api import Api, running_api
from tests.platform.clients import User
from tests.platform.regulated_network import BERLIN, LONDON, RegulatedNetwork, running_regulated_network
from tests.platform.services import offline_services

OFFICE = {
    "customer_name": "Acme GmbH", "street": "Torstr. 1", "city": "Berlin", "region": "Berlin", "postal_code": "10119",
    "country": "DE",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class AddressWorkspace:
    api: Api
    regulated: RegulatedNetwork
    ann: User
    workspace_id: str

    @property
    def path(self) -> str:
        return f"/workspaces/{self.workspace_id}"

    async def create(self, **fields: str) -> dict[str, Any]:
        reply = await self.ann.post(f"{self.path}/addresses", OFFICE | fields)
        assert reply.status == 201, reply.body
        address: dict[str, Any] = reply.body["address"]
        return address

    async def register(self, address_id: str, database_url: str, folder: Path) -> None:
        """As the worker does. folder: an empty one."""
        with offline_services(folder) as services:
            async with open_pool(database_url, size=1) as pool:
                job = make_register_address_job(pool, services[BusinessAddresses], self.regulated.carriers)
                await job(make_address_payload(UUID(address_id)))

    async def buy(self, phone_number: str, **fields: str) -> tuple[int, str, str]:
        """Status, code and parameter of the answer."""
        reply = await self.ann.post(f"{self.path}/phone-numbers", {"phone_number": phone_number, **fields})
        return (
            reply.status,
            reply.code if reply.status >= 400 else "",
            (reply.param or "") if reply.status >= 400 else "",
        )


@pytest.fixture
async def ours(database_url: str, valkey_url: str) -> AsyncIterator[AddressWorkspace]:
    async with AsyncExitStack() as stack:
        regulated = await stack.enter_async_context(running_regulated_network())
        api = await stack.enter_async_context(running_api(database_url, valkey_url, carriers=regulated.options))
        ann = await api.sign_up()
        yield AddressWorkspace(api, regulated, ann, await ann.workspace())


async def test_addresses_are_created_shown_and_deleted(ours: AddressWorkspace) -> None:
    address = await ours.create(street_secondary="Haus 2")
    assert [(registration["carrier"], registration["status"]) for registration in address["registrations"]] == [
        ("twilio", "pending"), ("telnyx", "pending"),
    ]  # fmt: skip
    path = f"{ours.path}/addresses/{address['id']}"
    shown = (await ours.ann.get(path)).body["address"]
    assert {name: shown[name] for name in OFFICE} == OFFICE and shown["street_secondary"] == "Haus 2"
    listed = (await ours.ann.get(f"{ours.path}/addresses")).body
    assert (listed["total"], [one["id"] for one in listed["addresses"]]) == (1, [address["id"]])
    viewer = await ours.api.member(ours.workspace_id, "member")
    assert (await viewer.post(f"{ours.path}/addresses", OFFICE)).status == 403
    assert (await viewer.get(path)).status == 200
    stranger = await ours.api.sign_up()
    assert (await stranger.get(path)).status == 404
    assert (await ours.ann.delete(path)).status == 204
    assert (await ours.ann.get(path)).code == (await ours.ann.delete(path)).code == "address_not_found"
    logged = await ours.api.owner.fetch(
        "SELECT action, details::text FROM audit_log WHERE resource_id = $1", address["id"]
    )
    assert sorted(row["action"] for row in logged) == ["address.create", "address.delete"]
    assert not [row for row in logged if "Torstr" in str(row["details"])]


async def test_a_repeated_request_creates_one_address(ours: AddressWorkspace) -> None:
    headers = {"Idempotency-Key": "office"}
    first, again = [await ours.ann.post(f"{ours.path}/addresses", OFFICE, headers=headers) for _ in range(2)]
    assert (first.status, again.status, again.body) == (201, 201, first.body)
    assert (await ours.ann.get(f"{ours.path}/addresses")).body["total"] == 1


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ({"customer_name": "ä" * 33}, "customer_name"),
        ({"customer_name": " "}, "customer_name"),
        ({"street": "a\nb"}, "street"),
        ({"country": "Germany"}, "country"),
        ({"country": "UK"}, "country"),
        ({"postal_code": "1" * 21}, "postal_code"),
    ],
)
async def test_an_address_that_no_carrier_would_take_is_refused(
    ours: AddressWorkspace, fields: dict[str, str], param: str
) -> None:
    reply = await ours.ann.post(f"{ours.path}/addresses", OFFICE | fields)
    assert (reply.status, reply.param) == (422, param)


async def test_a_purchase_names_what_is_missing_and_takes_the_only_fitting_ones(
    ours: AddressWorkspace, database_url: str, tmp_path: Path
) -> None:
    """The first number needs any address, the second a bundle and a local address."""
    await ours.api.owner.execute("UPDATE tiers SET max_phone_numbers = 5")
    assert await ours.buy(f"{LONDON}200") == (422, "address_required", "address_id")
    address = await ours.create()
    assert await ours.buy(f"{LONDON}200") == (409, "address_pending", "address_id")
    await ours.register(address["id"], database_url, tmp_path)
    shown = (await ours.ann.get(f"{ours.path}/addresses/{address['id']}")).body["address"]
    assert {registration["status"] for registration in shown["registrations"]} == {"registered"}
    assert await ours.buy(f"{LONDON}200") == (201, "", "")
    assert (await ours.ann.delete(f"{ours.path}/addresses/{address['id']}")).code == "address_in_use"
    assert await ours.buy(f"{BERLIN}200") == (422, "bundle_required", "bundle_id")
    inside = list(ours.regulated.twilio.regulation.addresses)
    made = ours.regulated.twilio.regulation.add_bundle("DE", "local", "twilio-approved", *inside)
    admin = await ours.api.admin("support")
    linked = await admin.post(
        f"/admin{ours.path}/regulatory-bundles", {"carrier_bundle_id": made.sid, "name": "Berlin"}
    )
    bundle = linked.body["bundle"]
    assert (linked.status, bundle["status"], bundle["carrier_address_ids"]) == (201, "approved", inside)
    wrong = "01890a5d-ac96-774b-bcce-b302099a8057"
    assert await ours.buy(f"{BERLIN}200", bundle_id=wrong) == (422, "bundle_unknown", "bundle_id")
    assert await ours.buy(f"{BERLIN}200", address_id=wrong) == (422, "address_unknown", "address_id")
    reply = await ours.ann.post(f"{ours.path}/phone-numbers", {"phone_number": f"{BERLIN}200"})
    number = reply.body["phone_number"]
    assert (reply.status, number["address_id"], number["bundle_id"]) == (201, address["id"], bundle["id"])
    shown = (await ours.ann.get(f"{ours.path}/regulatory-bundles/{bundle['id']}")).body["bundle"]
    assert (shown["name"], shown["is_usable"], shown["number_kind"]) == ("Berlin", True, "local")
    assert "carrier_bundle_id" not in shown
    assert (await ours.ann.get(f"{ours.path}/regulatory-bundles")).body["total"] == 1
    unlink = f"/admin{ours.path}/regulatory-bundles/{bundle['id']}"
    assert (await admin.delete(unlink)).code == "bundle_in_use"
    await ours.api.owner.execute("UPDATE phone_numbers SET status = 'failed' WHERE bundle_id = $1", UUID(bundle["id"]))
    assert (await admin.delete(unlink)).status == 204
    assert (await ours.ann.get(f"{ours.path}/regulatory-bundles/{bundle['id']}")).code == "bundle_not_found"


async def test_a_carrier_that_does_not_say_what_it_requires_keeps_nobody_from_buying(ours: AddressWorkspace) -> None:
    """The purchase itself will tell."""
    ours.regulated.twilio.fail_next.extend([503] * 6)
    assert await ours.buy(f"{LONDON}201") == (201, "", "")
