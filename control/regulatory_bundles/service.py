"""Regulatory bundles: documents about a business that a carrier holds.

Only staff link bundles to the business's workspace. The carrier accounts belong to the platform, so a person who can
link a bundle can buy numbers in the name of its business.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.carriers.rules import CarrierBundle
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.regulatory_bundles import queries
from control.regulatory_bundles.rules import RegulatoryBundle
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

# Maximum number of bundles of a workspace.
MOST_BUNDLES: Final = 50


@dataclass(frozen=True, slots=True)
class BundleLink:
    """A bundle at a carrier that is to be linked."""

    carrier: str
    carrier_bundle_id: str
    name: str


class RegulatoryBundles:
    """Manages bundles within the current transaction. `link` and `unlink` need the platform's scope."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[RegulatoryBundle]:
        """Return a page of the workspace's bundles, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_bundles(db, workspace_id))

    async def get(self, db: Connection, workspace_id: UUID, bundle_id: UUID) -> RegulatoryBundle:
        """Return a bundle. Raises NotFound."""
        return _require(await queries.select_bundles(db, workspace_id, bundle_id))

    async def require_workspace(self, db: Connection, workspace_id: UUID) -> None:
        """Raise NotFound if the workspace does not exist or is deleted."""
        await self._workspaces.get(db, workspace_id)

    async def link(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        wanted: BundleLink,
        found: CarrierBundle | None,
        now: datetime,
    ) -> RegulatoryBundle:
        """Link a bundle to a workspace.

        Raises Invalid (bundle_unknown), Conflict (bundle_limit, bundle_linked) and NotFound.

        Args:
            found: The bundle at the carrier; None if the carrier does not have it.
        """
        await self.require_workspace(db, workspace_id)
        if await queries.count_bundles(db, workspace_id) >= MOST_BUNDLES:
            raise Conflict(f"A workspace can have at most {MOST_BUNDLES} regulatory bundles.", code="bundle_limit")
        if found is None:
            raise Invalid(
                f"{wanted.carrier} has no bundle with this id.", code="bundle_unknown", param="carrier_bundle_id"
            )
        bundle = RegulatoryBundle(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            carrier=wanted.carrier,
            carrier_bundle_id=wanted.carrier_bundle_id,
            name=wanted.name,
            country=found.country,
            number_kind=found.number_kind,
            status=found.status,
            valid_until=found.valid_until,
            carrier_address_ids=found.carrier_address_ids,
            created_at=now,
            checked_at=now,
        )
        if not await queries.insert_bundle(db, bundle):
            raise Conflict("A workspace already has this bundle.", code="bundle_linked", param="carrier_bundle_id")
        after = {"carrier": bundle.carrier, "carrier_bundle_id": bundle.carrier_bundle_id}
        await record_change(db, actor, Change("bundle.link", "bundle", str(bundle.id), workspace_id, after=after))
        return bundle

    async def unlink(self, db: Connection, workspace_id: UUID, actor: Actor, bundle_id: UUID) -> None:
        """Unlink a bundle. The carrier keeps it. Raises NotFound and Conflict (code bundle_in_use)."""
        bundle = _require(await queries.select_bundles(db, workspace_id, bundle_id, lock="UPDATE"))
        if await queries.is_used(db, workspace_id, bundle_id):
            raise Conflict("A phone number of this workspace is held under this bundle.", code="bundle_in_use")
        await queries.delete_bundle(db, workspace_id, bundle_id)
        before = {"carrier": bundle.carrier, "carrier_bundle_id": bundle.carrier_bundle_id}
        await record_change(db, actor, Change("bundle.unlink", "bundle", str(bundle_id), workspace_id, before=before))


async def hold_bundles(db: Connection, workspace_id: UUID) -> list[RegulatoryBundle]:
    """Return the bundles of a workspace, locked against unlinking until this transaction ends."""
    return await queries.select_bundles(db, workspace_id, lock="SHARE")


def _require(found: list[RegulatoryBundle]) -> RegulatoryBundle:
    if not found:
        raise NotFound("This regulatory bundle does not exist.", code="bundle_not_found")
    return found[0]
