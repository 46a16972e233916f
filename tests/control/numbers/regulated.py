"""A workspace that buys numbers at the simulated network, which are not sold to everybody."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

from control.addresses.rules import BusinessAddress
from control.addresses.service import BusinessAddresses, make_address_payload
from control.addresses.tasks import make_delete_address_job, make_register_address_job
from control.carriers.rules import PostalAddress
from control.db.pool import open_pool
from control.http.services import Services
from control.numbers.rules import NumberOrder, PhoneNumber
from control.numbers.service import make_payload
from control.numbers.tasks import make_buy_job, make_release_job
from control.regulatory_bundles.rules import RegulatoryBundle
from control.regulatory_bundles.service import BundleLink, RegulatoryBundles
from tests.control.numbers.conftest import NOW, NumbersWorkspace, make_workspace
from tests.platform.catalog import seed_catalog
from tests.platform.regulated_network import RegulatedNetwork, running_regulated_network

OFFICE = PostalAddress("Acme GmbH", "Torstr. 1", "", "Berlin", "Berlin", "10119", "DE")


@dataclass(frozen=True, slots=True)
class RegulatedWorkspace:
    """workspace: with room for many numbers."""

    regulated: RegulatedNetwork
    workspace: NumbersWorkspace

    async def create(self, parts: PostalAddress = OFFICE, *carriers: str) -> BusinessAddress:
        """Stores an address; its job has not run."""
        it, addresses = self.workspace, self.workspace.services[BusinessAddresses]
        names = carriers or ("telnyx", "twilio")
        return await it.in_workspace(lambda db: addresses.create(db, it.workspace_id, it.actor, parts, names, NOW))

    async def register(self, parts: PostalAddress = OFFICE) -> BusinessAddress:
        """An address that both carriers have."""
        address = await self.create(parts)
        await self.run_register(address.id)
        return await self.get(address.id)

    async def run_register(self, address_id: UUID) -> None:
        it = self.workspace
        job = make_register_address_job(it.pool, it.services[BusinessAddresses], self.regulated.carriers)
        await job(make_address_payload(address_id))

    async def run_delete(self, address_id: UUID) -> None:
        it = self.workspace
        job = make_delete_address_job(it.pool, it.services[BusinessAddresses], self.regulated.carriers)
        await job(make_address_payload(address_id))

    async def get(self, address_id: UUID) -> BusinessAddress:
        it = self.workspace
        return await it.in_workspace(lambda db: it.services[BusinessAddresses].get(db, it.workspace_id, address_id))

    async def delete(self, address_id: UUID) -> None:
        it = self.workspace
        await it.in_workspace(
            lambda db: it.services[BusinessAddresses].delete(db, it.workspace_id, it.actor, address_id, NOW)
        )

    async def link(self, carrier: str, carrier_bundle_id: str) -> RegulatoryBundle:
        it, wanted = self.workspace, BundleLink(carrier, carrier_bundle_id, "Berlin")
        found = await self.regulated.carriers.get(carrier).documents.fetch_bundle(carrier_bundle_id)
        return await it.in_platform(
            lambda db: it.services[RegulatoryBundles].link(db, it.workspace_id, it.actor, wanted, found, NOW)
        )

    async def order(
        self, phone_number: str, carrier: str = "twilio", address: UUID | None = None, bundle: UUID | None = None
    ) -> PhoneNumber:
        """Inserts a number as the API does, with what its carrier requires; its job has not run."""
        it, documents = self.workspace, self.regulated.carriers.get(carrier).documents
        country = {"+49": "DE", "+44": "GB"}.get(phone_number[:3], "US")
        requirements = await documents.fetch_requirements(phone_number, country)
        wanted = NumberOrder(phone_number, "", carrier, address, bundle, requirements)
        return await it.in_workspace(lambda db: it.numbers.buy(db, it.workspace_id, it.actor, wanted, NOW))

    async def run_buy(self, number: PhoneNumber) -> None:
        it = self.workspace
        await make_buy_job(it.pool, it.numbers, self.regulated.carriers)(make_payload(number.id))

    async def run_release(self, number: PhoneNumber) -> None:
        it = self.workspace
        await make_release_job(it.pool, it.numbers, self.regulated.carriers)(make_payload(number.id))

    async def audit(self, resource_id: UUID) -> list[str]:
        rows = await self.workspace.fetch(
            "SELECT action FROM audit_log WHERE resource_id = $1 ORDER BY at, id", str(resource_id)
        )
        return [row["action"] for row in rows]


@asynccontextmanager
async def regulated_workspace(database_url: str, services: Services) -> AsyncIterator[RegulatedWorkspace]:
    """A new workspace in the module's database, and a network of its own."""
    async with open_pool(database_url, size=4) as pool, running_regulated_network() as network:
        async with pool.transaction() as db:
            await seed_catalog(db)
        workspace = await make_workspace(pool, services)
        await workspace.execute("UPDATE tiers SET max_phone_numbers = 20")
        yield RegulatedWorkspace(network, workspace)
