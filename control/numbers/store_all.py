"""SQL of the numbers of all workspaces. Needs platform scope."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.carriers.rules import NO_HOLDER, NumberHolder
from control.db.pool import Connection
from control.numbers.model import PhoneNumber


@dataclass(frozen=True, slots=True)
class ConfigurableNumber:
    """A number in service, as its carrier knows it."""

    id: UUID
    phone_number: str
    carrier_number_id: str


_SELECT_HOLDER: Final = """
    SELECT r.carrier_address_id AS address, b.carrier_bundle_id AS bundle, b.carrier_address_ids AS bundle_addresses
    FROM phone_numbers p
    LEFT JOIN address_registrations r
        ON r.workspace_id = p.workspace_id AND r.address_id = p.address_id AND r.carrier = p.carrier
    LEFT JOIN regulatory_bundles b ON b.workspace_id = p.workspace_id AND b.id = p.bundle_id
    WHERE p.workspace_id = $1 AND p.id = $2
"""
# Numbers in service at carrier $1 that are not configured as $2 and were not tried since $3, the longest untried first.
_SELECT_UNCONFIGURED: Final = """
    SELECT id, phone_number, carrier_number_id FROM phone_numbers
    WHERE carrier = $1 AND status = 'active' AND carrier_number_id IS NOT NULL AND configured_for IS DISTINCT FROM $2
      AND (configure_tried_at IS NULL OR configure_tried_at < $3)
    ORDER BY configure_tried_at NULLS FIRST, id LIMIT $4
"""


async def select_unconfigured(
    db: Connection, carrier: str, configuration: str, before: datetime, most: int
) -> list[ConfigurableNumber]:
    """Numbers that have to be configured. configuration: see Carrier.configuration."""
    rows = await db.fetch(_SELECT_UNCONFIGURED, carrier, configuration, before, most)
    return [ConfigurableNumber(**row) for row in rows]


async def update_configured(db: Connection, number_id: UUID, configured_for: str | None, now: datetime) -> None:
    """Stores a try. configured_for: None when it failed."""
    await db.execute(
        "UPDATE phone_numbers SET configured_for = coalesce($2, configured_for), configure_tried_at = $3 WHERE id = $1",
        number_id,
        configured_for,
        now,
    )


async def select_workspace(db: Connection, number_id: UUID) -> UUID | None:
    """The workspace that a number belongs to."""
    found: UUID | None = await db.fetchval("SELECT workspace_id FROM phone_numbers WHERE id = $1", number_id)
    return found


async def select_held(db: Connection, workspace_id: UUID) -> list[UUID]:
    """Locks the numbers of a workspace that cost money, or soon will; returns their ids."""
    rows = await db.fetch(
        "SELECT id FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active') "
        "ORDER BY id FOR UPDATE",
        workspace_id,
    )
    return [row["id"] for row in rows]


async def select_held_among(db: Connection, numbers: Sequence[str]) -> set[str]:
    """Those of these numbers that a workspace has, or is buying; served by the unique index. numbers: a search's."""
    rows = await db.fetch(
        "SELECT phone_number FROM phone_numbers "
        "WHERE phone_number = ANY($1) AND status IN ('buying', 'active', 'releasing') LIMIT $2",
        numbers,
        len(numbers),
    )
    return {row["phone_number"] for row in rows}


async def lock_stuck(db: Connection, before: datetime, most: int) -> list[tuple[UUID, str]]:
    """Locks numbers whose purchase or release has not moved since; returns their ids and status, the longest first."""
    rows = await db.fetch(
        """
        SELECT id, status FROM phone_numbers WHERE status IN ('buying', 'releasing') AND updated_at < $1
        ORDER BY updated_at LIMIT $2 FOR UPDATE SKIP LOCKED
        """,
        before,
        most,
    )
    return [(row["id"], row["status"]) for row in rows]


async def touch(db: Connection, number_ids: list[UUID], now: datetime) -> None:
    """Sets updated_at, so that they are not checked again soon."""
    await db.execute("UPDATE phone_numbers SET updated_at = $2 WHERE id = ANY($1)", number_ids, now)


async def select_holder(db: Connection, number: PhoneNumber) -> NumberHolder:
    """The carrier's ids of the address and the documents that a number is to be bought under. Without an address of the
    workspace, that of the documents."""
    row = await db.fetchrow(_SELECT_HOLDER, number.workspace_id, number.id)
    if row is None:
        return NO_HOLDER
    return NumberHolder(row["address"] or next(iter(row["bundle_addresses"] or ()), ""), row["bundle"] or "")
