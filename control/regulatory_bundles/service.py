"""Regulatory bundles: documents about a business that a carrier has.

The staff links them to the business's workspace: the carriers' accounts are the platform's, so that whoever may link a
bundle may buy in the name of its business.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import structlog

from control.carriers.rules import Carrier, CarrierBundle, CarrierError, CarrierRefused
from control.carriers.service import Carriers
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.platform.audit import Actor, Change, record_change
from control.regulatory_bundles import queries
from control.regulatory_bundles.rules import RegulatoryBundle
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

# How long a status is relied upon: reviews take days, and an approved bundle may expire.
APPROVED_FOR: Final = timedelta(hours=6)
OTHERS_FOR: Final = timedelta(minutes=10)
# Bundles that one workspace may have.
MOST_BUNDLES: Final = 50
log = structlog.get_logger()


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
        """Raises NotFound."""
        return _require(await queries.select_bundles(db, workspace_id, bundle_id))

    async def require_workspace(self, db: Connection, workspace_id: UUID) -> None:
        """Raises NotFound, for a deleted workspace, too."""
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
        """found: what the carrier has; None for nothing. Raises Invalid (bundle_unknown), Conflict (bundle_limit,
        bundle_linked), NotFound."""
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
    """Returns the bundles of a workspace. None of them is unlinked before this transaction ends."""
    return await queries.select_bundles(db, workspace_id, lock="SHARE")


async def check_bundles(pool: Pool, carriers: Carriers, now: datetime, most: int) -> int:
    """Reads the statuses of up to `most` bundles at each carrier again; returns how many were tried. A carrier that is
    unavailable is not asked for further ones in this run."""
    return sum([await _check_at(pool, carrier, now, most) for carrier in carriers])


async def _check_at(pool: Pool, carrier: Carrier, now: datetime, most: int) -> int:
    async with pool.transaction() as db:
        await enter_platform(db)
        bundles = await queries.select_unchecked(db, carrier.name, now - APPROVED_FOR, now - OTHERS_FOR, most)
    for tried, bundle in enumerate(bundles, 1):
        try:
            found = await carrier.documents.fetch_bundle(bundle.carrier_bundle_id)
        except CarrierError as error:
            log.warning("bundle.not_checked", carrier=carrier.name, code=error.code, bundle_id=str(bundle.id))
            async with pool.transaction() as db:
                await enter_platform(db)
                await queries.touch(db, bundle, now)
            if not isinstance(error, CarrierRefused):
                return tried
            continue
        async with pool.transaction() as db:
            await enter_platform(db)
            await queries.update_checked(db, bundle, found, now)
    return len(bundles)


def _require(found: list[RegulatoryBundle]) -> RegulatoryBundle:
    if not found:
        raise NotFound("There is no such regulatory bundle.", code="bundle_not_found")
    return found[0]
