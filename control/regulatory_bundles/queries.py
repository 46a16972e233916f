"""SQL for regulatory bundles."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.carriers.rules import BundleStatus, CarrierBundle
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.regulatory_bundles.rules import RegulatoryBundle

_SELECT: Final = """
    SELECT id, workspace_id, carrier, carrier_bundle_id, name, country, number_kind, status, valid_until,
           carrier_address_ids, created_at, checked_at
    FROM regulatory_bundles
"""
_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM regulatory_bundles WHERE id = $1 AND workspace_id = $2"
)
_INSERT: Final = """
    INSERT INTO regulatory_bundles (id, workspace_id, carrier, carrier_bundle_id, name, country, number_kind, status,
                                    valid_until, carrier_address_ids, created_at, checked_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
    ON CONFLICT (carrier, carrier_bundle_id) DO NOTHING
"""
# Bundles that were last checked before $2, or before $3 if they are not approved.
_SELECT_UNCHECKED: Final = f"""
    {_SELECT} WHERE carrier = $1 AND (checked_at < $2 OR (status <> 'approved' AND checked_at < $3))
    ORDER BY checked_at LIMIT $4
"""


async def insert_bundle(db: Connection, new: RegulatoryBundle) -> bool:
    """Insert a bundle. Return False if a workspace already has it."""
    status = await db.execute(
        _INSERT,
        new.id,
        new.workspace_id,
        new.carrier,
        new.carrier_bundle_id,
        new.name,
        new.country,
        new.number_kind,
        new.status,
        new.valid_until,
        new.carrier_address_ids,
        new.created_at,
        new.checked_at,
    )
    return bool(status == "INSERT 0 1")


async def select_page(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[RegulatoryBundle]:
    """Return a page of a workspace's bundles, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_SELECT} WHERE workspace_id = $1 {clause.tail}", *clause.values)
    return cut_page([_make_bundle(row) for row in rows], page)


async def count_bundles(db: Connection, workspace_id: UUID) -> int:
    """Count a workspace's bundles."""
    found: int = await db.fetchval("SELECT count(*) FROM regulatory_bundles WHERE workspace_id = $1", workspace_id)
    return found


async def select_bundles(
    db: Connection, workspace_id: UUID, bundle_id: UUID | None = None, *, lock: str = ""
) -> list[RegulatoryBundle]:
    """Return a workspace's bundles, or only the bundle with this id.

    Args:
        lock: Row lock (SHARE or UPDATE) until this transaction ends; empty for no lock.
    """
    rows = await db.fetch(
        f"{_SELECT} WHERE workspace_id = $1 AND ($2::uuid IS NULL OR id = $2) ORDER BY id"
        f"{f' FOR {lock}' if lock else ''}",
        workspace_id,
        bundle_id,
    )
    return [_make_bundle(row) for row in rows]


async def is_used(db: Connection, workspace_id: UUID, bundle_id: UUID) -> bool:
    """Return whether the workspace has, buys or releases a number under the bundle."""
    found: bool = await db.fetchval(
        "SELECT EXISTS (SELECT FROM phone_numbers WHERE workspace_id = $1 AND bundle_id = $2 "
        "AND status IN ('buying', 'active', 'releasing'))",
        workspace_id,
        bundle_id,
    )
    return found


async def delete_bundle(db: Connection, workspace_id: UUID, bundle_id: UUID) -> None:
    """Unlink a bundle from the workspace. The carrier keeps it."""
    await db.execute("DELETE FROM regulatory_bundles WHERE workspace_id = $1 AND id = $2", workspace_id, bundle_id)


async def select_unchecked(
    db: Connection, carrier: str, approved_before: datetime, others_before: datetime, most: int
) -> list[RegulatoryBundle]:
    """Return the bundles whose status must be read again from the carrier. Needs platform scope."""
    rows = await db.fetch(_SELECT_UNCHECKED, carrier, approved_before, others_before, most)
    return [_make_bundle(row) for row in rows]


async def update_checked(db: Connection, bundle: RegulatoryBundle, found: CarrierBundle | None, now: datetime) -> None:
    """Store the carrier's current state of a bundle, or expired if the carrier no longer has it.

    Needs platform scope.
    """
    status: BundleStatus = "expired" if found is None else found.status
    await db.execute(
        """
        UPDATE regulatory_bundles SET status = $3, valid_until = $4, carrier_address_ids = $5, checked_at = $6
        WHERE workspace_id = $1 AND id = $2
        """,
        bundle.workspace_id,
        bundle.id,
        status,
        bundle.valid_until if found is None else found.valid_until,
        bundle.carrier_address_ids if found is None else found.carrier_address_ids,
        now,
    )


async def touch(db: Connection, bundle: RegulatoryBundle, now: datetime) -> None:
    """Set `checked_at` of a bundle that the carrier did not return. Needs platform scope."""
    await db.execute(
        "UPDATE regulatory_bundles SET checked_at = $3 WHERE workspace_id = $1 AND id = $2",
        bundle.workspace_id,
        bundle.id,
        now,
    )


def _make_bundle(row: Any) -> RegulatoryBundle:
    fields = dict(row)
    return RegulatoryBundle(**fields | {"carrier_address_ids": tuple(fields["carrier_address_ids"])})
