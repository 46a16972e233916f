"""SQL for addresses and their registrations at carriers."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.addresses.rules import AddressRegistration, BusinessAddress
from control.carriers.rules import PostalAddress
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_PARTS: Final = "customer_name, street, street_secondary, city, region, postal_code, country"
_SELECT: Final = f"SELECT id, workspace_id, status, created_at, {_PARTS} FROM business_addresses"
_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM business_addresses WHERE id = $1 AND workspace_id = $2"
)
_INSERT: Final = f"""
    INSERT INTO business_addresses (id, workspace_id, {_PARTS}, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10)
"""
_INSERT_REGISTRATIONS: Final = """
    INSERT INTO address_registrations (address_id, carrier, workspace_id, updated_at)
    SELECT $1, unnest($2::text[]), $3, $4
"""
# Addresses that lack a registration at one of the carriers $1, for example at a carrier that was set up later.
_INSERT_MISSING: Final = """
    INSERT INTO address_registrations (address_id, carrier, workspace_id, updated_at)
    SELECT a.id, c.carrier, a.workspace_id, $2 FROM business_addresses a CROSS JOIN unnest($1::text[]) AS c (carrier)
    WHERE a.status = 'active' AND NOT EXISTS (
        SELECT FROM address_registrations r WHERE r.address_id = a.id AND r.carrier = c.carrier)
    ORDER BY a.id LIMIT $3 ON CONFLICT DO NOTHING RETURNING address_id
"""
# Work without progress since $1: deletions, and registrations at the carriers $3.
_LOCK_STUCK: Final = """
    SELECT id, status FROM business_addresses a
    WHERE updated_at < $1 AND (status = 'deleting' OR EXISTS (
        SELECT FROM address_registrations r WHERE r.address_id = a.id AND r.status = 'pending'
                                                      AND r.carrier = ANY($3)))
    ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
"""
# Bundles contain addresses by the carrier's ids. A bundle that is no longer usable does not count.
_IS_USED: Final = """
    SELECT EXISTS (SELECT FROM phone_numbers WHERE workspace_id = $1 AND address_id = $2
                   AND status IN ('buying', 'active', 'releasing'))
        OR EXISTS (SELECT FROM address_registrations r JOIN regulatory_bundles b
                   ON b.workspace_id = r.workspace_id AND b.carrier = r.carrier
                   AND r.carrier_address_id = ANY(b.carrier_address_ids)
                   WHERE r.workspace_id = $1 AND r.address_id = $2 AND b.status NOT IN ('rejected', 'expired'))
"""


# -- Of one workspace --


async def lock_list(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's addresses before they add an address."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('addresses ' || $1::text, 0))", str(workspace_id))


async def select_addresses(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[BusinessAddress]:
    """Return a page of addresses that are not being deleted, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_SELECT} WHERE workspace_id = $1 AND status = 'active' {clause.tail}", *clause.values)
    return cut_page(await _with_registrations(db, workspace_id, rows), page)


async def select_active(
    db: Connection, workspace_id: UUID, address_id: UUID | None = None, *, lock: str = ""
) -> list[BusinessAddress]:
    """Return the addresses that are not being deleted.

    Args:
        db: A connection in the workspace's scope, or the platform's.
        workspace_id: The workspace.
        address_id: Return only this address; None for all addresses.
        lock: Row lock (SHARE or UPDATE) until this transaction ends; empty for no lock.
    """
    rows = await db.fetch(
        f"{_SELECT} WHERE workspace_id = $1 AND status = 'active' AND ($2::uuid IS NULL OR id = $2) ORDER BY id"
        f"{f' FOR {lock}' if lock else ''}",
        workspace_id,
        address_id,
    )
    return await _with_registrations(db, workspace_id, rows)


async def count_active(db: Connection, workspace_id: UUID) -> int:
    """Count the addresses that are not being deleted."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM business_addresses WHERE workspace_id = $1 AND status = 'active'", workspace_id
    )
    return count


async def count_all(db: Connection, workspace_id: UUID) -> int:
    """Count all addresses, including addresses that are being deleted."""
    count: int = await db.fetchval("SELECT count(*) FROM business_addresses WHERE workspace_id = $1", workspace_id)
    return count


async def is_used(db: Connection, workspace_id: UUID, address_id: UUID) -> bool:
    """Return whether a number or a usable bundle of the workspace uses the address.

    Numbers count if the workspace has, buys or releases them.
    """
    found: bool = await db.fetchval(_IS_USED, workspace_id, address_id)
    return found


async def insert_address(db: Connection, new: BusinessAddress, carriers: Sequence[str]) -> None:
    """Insert an address with pending registrations at these carriers."""
    it = new.address
    await db.execute(
        _INSERT,
        new.id,
        new.workspace_id,
        it.customer_name,
        it.street,
        it.street_secondary,
        it.city,
        it.region,
        it.postal_code,
        it.country,
        new.created_at,
    )
    await db.execute(_INSERT_REGISTRATIONS, new.id, carriers, new.workspace_id, new.created_at)


async def update_deleting(db: Connection, workspace_id: UUID, address_id: UUID, now: datetime) -> None:
    """Set the status to deleting."""
    await db.execute(
        "UPDATE business_addresses SET status = 'deleting', updated_at = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        address_id,
        now,
    )


async def update_registration(
    db: Connection, address: BusinessAddress, registration: AddressRegistration, now: datetime
) -> None:
    """Store the new state of a registration."""
    await db.execute(
        """
        UPDATE address_registrations SET status = $4, status_detail = $5, carrier_address_id = $6, updated_at = $7
        WHERE workspace_id = $1 AND address_id = $2 AND carrier = $3
        """,
        address.workspace_id,
        address.id,
        registration.carrier,
        registration.status,
        registration.status_detail,
        registration.carrier_address_id,
        now,
    )


async def delete_address(db: Connection, address: BusinessAddress) -> None:
    """Delete an address that no carrier holds."""
    await db.execute(
        "DELETE FROM business_addresses WHERE workspace_id = $1 AND id = $2 AND status = 'deleting'",
        address.workspace_id,
        address.id,
    )


# -- Of all workspaces, in platform scope --


async def select_address(db: Connection, address_id: UUID) -> BusinessAddress | None:
    """Return an address of any workspace, in any status. Needs platform scope."""
    rows = await db.fetch(f"{_SELECT} WHERE id = $1", address_id)
    return next(iter(await _with_registrations(db, rows[0]["workspace_id"], rows)), None) if rows else None


async def insert_missing_registrations(db: Connection, carriers: Sequence[str], now: datetime, most: int) -> list[UUID]:
    """Insert missing registrations at these carriers. Return the ids of their addresses. Needs platform scope."""
    rows = await db.fetch(_INSERT_MISSING, carriers, now, most)
    return [row["address_id"] for row in rows]


async def lock_stuck(db: Connection, carriers: Sequence[str], before: datetime, most: int) -> list[tuple[UUID, str]]:
    """Lock addresses that are to be registered at these carriers or deleted and have made no progress since `before`.

    Returns their ids and statuses. Needs platform scope.
    """
    rows = await db.fetch(_LOCK_STUCK, before, most, carriers)
    return [(row["id"], row["status"]) for row in rows]


async def touch(db: Connection, address_ids: Sequence[UUID], now: datetime) -> None:
    """Set `updated_at`, so that the addresses are not checked again soon. Needs platform scope."""
    await db.execute("UPDATE business_addresses SET updated_at = $2 WHERE id = ANY($1)", address_ids, now)


async def select_workspaces_with_addresses(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Return deleted workspaces past their grace period whose addresses carriers still hold, longest overdue first.

    Workspaces with phone numbers are left out, because the numbers are released first. Needs platform scope.
    """
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w WHERE w.purge_after <= $1
        AND EXISTS (SELECT FROM business_addresses a WHERE a.workspace_id = w.id AND a.status = 'active')
        AND NOT EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id
                        AND p.status IN ('buying', 'active', 'releasing'))
        ORDER BY w.purge_after LIMIT $2
        """,
        now,
        most,
    )
    return [row["id"] for row in rows]


async def _with_registrations(db: Connection, workspace_id: UUID, rows: Sequence[Any]) -> list[BusinessAddress]:
    found = await db.fetch(
        "SELECT address_id, carrier, status, status_detail, carrier_address_id FROM address_registrations "
        "WHERE workspace_id = $1 AND address_id = ANY($2) ORDER BY carrier",
        workspace_id,
        [row["id"] for row in rows],
    )
    registrations: dict[UUID, list[AddressRegistration]] = {}
    for each in found:
        fields = dict(each)
        registrations.setdefault(fields.pop("address_id"), []).append(AddressRegistration(**fields))
    return [_make_address(dict(row), tuple(registrations.get(row["id"], ()))) for row in rows]


def _make_address(row: dict[str, Any], registrations: tuple[AddressRegistration, ...]) -> BusinessAddress:
    parts = PostalAddress(**{name: row[name] for name in _PARTS.split(", ")})
    return BusinessAddress(row["id"], row["workspace_id"], parts, row["status"], row["created_at"], registrations)
