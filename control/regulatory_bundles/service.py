"""Regulatory bundles: documents about a business that a carrier has.

The staff links them to the business's workspace: the carriers' accounts are the platform's, so that whoever may link a
bundle may buy in the name of its business.
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

# Bundles that one workspace may have.
MOST_BUNDLES: Final = 50


@dataclass(frozen=True, slots=True)
class BundleLink:
    """A carrier's bundle that is to be linked."""

    carrier: str
    carrier_bundle_id: str
    name: str


class RegulatoryBundles:
    """Every method works within the current transaction; `link` and `unlink` in the platform's scope."""

    def __init__(self, workspaces: Workspaces) -> None:
        self._workspaces = workspaces

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[RegulatoryBundle]:
        """Newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_bundles(db, workspace_id))

    async def get(self, db: Connection, workspace_id: UUID, bundle_id: UUID) -> RegulatoryBundle:
        """Return a bundle. Raises NotFound."""
        return _require(await queries.select_bundles(db, workspace_id, bundle_id))

    async def require_workspace(self, db: Connection, workspace_id: UUID) -> None:
        """Require the workspace. Raises NotFound, also for a deleted workspace."""
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
        """Link a bundle. Raises Invalid (bundle_unknown), Conflict (bundle_limit, bundle_linked), NotFound.

        Args:
            found: What the carrier has; None for nothing.
        """
        await self.require_workspace(db, workspace_id)
        if await queries.count_bundles(db, workspace_id) >= MOST_BUNDLES:
            raise Conflict(f"A workspace has {MOST_BUNDLES} regulatory bundles at most.", code="bundle_limit")
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
            raise Conflict("A workspace has this bundle.", code="bundle_linked", param="carrier_bundle_id")
        after = {"carrier": bundle.carrier, "carrier_bundle_id": bundle.carrier_bundle_id}
        await record_change(db, actor, Change("bundle.link", "bundle", str(bundle.id), workspace_id, after=after))
        return bundle

    async def unlink(self, db: Connection, workspace_id: UUID, actor: Actor, bundle_id: UUID) -> None:
        """The carrier keeps it. Raises NotFound and Conflict (code bundle_in_use)."""
        bundle = _require(await queries.select_bundles(db, workspace_id, bundle_id, lock="UPDATE"))
        if await queries.is_used(db, workspace_id, bundle_id):
            raise Conflict("A phone number of this workspace is held under this bundle.", code="bundle_in_use")
        await queries.delete_bundle(db, workspace_id, bundle_id)
        before = {"carrier": bundle.carrier, "carrier_bundle_id": bundle.carrier_bundle_id}
        await record_change(db, actor, Change("bundle.unlink", "bundle", str(bundle_id), workspace_id, before=before))


async def hold_bundles(db: Connection, workspace_id: UUID) -> list[RegulatoryBundle]:
    """Return the bundles of a workspace. None of them is unlinked before this transaction ends."""
    return await queries.select_bundles(db, workspace_id, lock="SHARE")


def _require(found: list[RegulatoryBundle]) -> RegulatoryBundle:
    if not found:
        raise NotFound("There is no such regulatory bundle.", code="bundle_not_found")
    return found[0]
