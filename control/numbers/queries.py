"""SQL for phone numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.carriers.rules import NO_HOLDER, NumberHolder
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.numbers.rules import PhoneNumber

_SELECT: Final = """
    SELECT p.id, p.workspace_id, p.phone_number, p.friendly_name, p.carrier, p.carrier_number_id, p.status,
           p.status_detail, p.agent_id, a.name AS agent_name, p.country, p.capabilities, p.monthly_price,
           p.created_at, p.updated_at, p.released_at, p.address_id, p.bundle_id
    FROM phone_numbers p LEFT JOIN agents a ON a.workspace_id = p.workspace_id AND a.id = p.agent_id
"""
# Released numbers are listed only if the status filter selects them.
_MATCHES: Final = """
    p.workspace_id = $1 AND (CASE WHEN $2::text IS NULL THEN p.status <> 'released' ELSE p.status = $2 END)
"""
_ORDER: Final = Keyset(
    ("p.created_at", "p.id"), "SELECT created_at, id FROM phone_numbers WHERE id = $1 AND workspace_id = $2"
)
_SELECT_HOLDER: Final = """
    SELECT r.carrier_address_id AS address, b.carrier_bundle_id AS bundle, b.carrier_address_ids AS bundle_addresses
    FROM phone_numbers p
    LEFT JOIN address_registrations r
        ON r.workspace_id = p.workspace_id AND r.address_id = p.address_id AND r.carrier = p.carrier
    LEFT JOIN regulatory_bundles b ON b.workspace_id = p.workspace_id AND b.id = p.bundle_id
    WHERE p.workspace_id = $1 AND p.id = $2
"""
# Numbers in service at carrier $1 whose configuration differs from $2 and that were not tried since $3, least recently
# tried first.
_SELECT_UNCONFIGURED: Final = """
    SELECT id, phone_number, carrier_number_id FROM phone_numbers
    WHERE carrier = $1 AND status = 'active' AND carrier_number_id IS NOT NULL AND configured_for IS DISTINCT FROM $2
      AND (configure_tried_at IS NULL OR configure_tried_at < $3)
    ORDER BY configure_tried_at NULLS FIRST, id LIMIT $4
"""


# -- Of one workspace --


async def select_numbers(
    db: Connection, workspace_id: UUID, status: str | None, page: PageRequest
) -> ListPage[PhoneNumber]:
    """Return a page of a workspace's numbers, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id, status), (workspace_id,))
    rows = await db.fetch(f"{_SELECT} WHERE {_MATCHES} {clause.tail}", *clause.values)
    return cut_page([PhoneNumber(**row) for row in rows], page)


async def count_numbers(db: Connection, workspace_id: UUID, status: str | None) -> int:
    """Return the total for `select_numbers`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM phone_numbers p WHERE {_MATCHES}", workspace_id, status)
    return total


async def select_number(db: Connection, workspace_id: UUID, number_id: UUID) -> PhoneNumber | None:
    """Return a number of the workspace, or None."""
    row = await db.fetchrow(f"{_SELECT} WHERE p.workspace_id = $1 AND p.id = $2", workspace_id, number_id)
    return None if row is None else PhoneNumber(**row)


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> PhoneNumber | None:
    """Return a number of the workspace, locked until this transaction ends, or None."""
    locked = await db.fetchval(
        "SELECT true FROM phone_numbers WHERE workspace_id = $1 AND id = $2 FOR UPDATE", workspace_id, number_id
    )
    return await select_number(db, workspace_id, number_id) if locked else None


async def lock_numbers(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count a workspace's numbers before they add a number."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('numbers ' || $1::text, 0))", str(workspace_id))


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Lock an agent (FOR SHARE), so that it neither goes live nor changes its number until this transaction ends.

    Call this before locking the agent's number, because `control/agents` locks in this order.
    """
    await db.execute("SELECT FROM agents WHERE workspace_id = $1 AND id = $2 FOR SHARE", workspace_id, agent_id)


async def count_held(db: Connection, workspace_id: UUID) -> int:
    """Count the numbers that count against the workspace's tier."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active', 'releasing')",
        workspace_id,
    )
    return total


async def insert_number(db: Connection, number: PhoneNumber) -> bool:
    """Insert a number that is being bought. Return False if a workspace already has it."""
    status = await db.execute(
        """
        INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status, country,
                                   created_at, updated_at, address_id, bundle_id)
        VALUES ($1, $2, $3, $4, $5, 'buying', $6, $7, $7, $8, $9)
        ON CONFLICT (phone_number) WHERE status IN ('buying', 'active', 'releasing') DO NOTHING
        """,
        number.id,
        number.workspace_id,
        number.phone_number,
        number.friendly_name,
        number.carrier,
        number.country,
        number.created_at,
        number.address_id,
        number.bundle_id,
    )
    return bool(status == "INSERT 0 1")


async def insert_imported(db: Connection, number: PhoneNumber) -> bool:
    """Insert a number that the carrier's account already has. Return False if a workspace already has it.

    The row does not count as configured: another import of this number, which then fails, may configure the number at
    the same time, and the carrier would keep the reference of the failed import.
    """
    status = await db.execute(
        """
        INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status, country,
                                   created_at, updated_at, carrier_number_id, capabilities, monthly_price,
                                   is_imported)
        VALUES ($1, $2, $3, $4, $5, 'active', $6, $7, $7, $8, $9, $10, true)
        ON CONFLICT (phone_number) WHERE status IN ('buying', 'active', 'releasing') DO NOTHING
        """,
        number.id,
        number.workspace_id,
        number.phone_number,
        number.friendly_name,
        number.carrier,
        number.country,
        number.created_at,
        number.carrier_number_id,
        dict(number.capabilities),
        number.monthly_price,
    )
    return bool(status == "INSERT 0 1")


async def update_name(db: Connection, workspace_id: UUID, number_id: UUID, friendly_name: str, now: datetime) -> None:
    """Set the name that the workspace gave to a number."""
    await db.execute(
        "UPDATE phone_numbers SET friendly_name = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        friendly_name,
        now,
    )


async def update_releasing(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """Set the status to releasing and take the number from its agent."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'releasing', agent_id = NULL, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        now,
    )


async def update_released(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """Set the status to released."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'released', agent_id = NULL, released_at = $3, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        now,
    )


async def update_price(db: Connection, workspace_id: UUID, number_id: UUID, price: Decimal) -> None:
    """Set the monthly price of a number that is being bought."""
    await db.execute(
        "UPDATE phone_numbers SET monthly_price = $3 WHERE workspace_id = $1 AND id = $2 AND status = 'buying'",
        workspace_id,
        number_id,
        price,
    )


async def update_bought(
    db: Connection,
    workspace_id: UUID,
    number_id: UUID,
    carrier_number_id: str,
    capabilities: Mapping[str, bool],
    now: datetime,
) -> bool:
    """Set the status to active. Return False if the number is no longer being bought."""
    status = await db.execute(
        """
        UPDATE phone_numbers
        SET status = 'active', status_detail = NULL, carrier_number_id = $3, capabilities = $4, updated_at = $5,
            bought_at = $5
        WHERE workspace_id = $1 AND id = $2 AND status = 'buying'
        """,
        workspace_id,
        number_id,
        carrier_number_id,
        dict(capabilities),
        now,
    )
    return bool(status == "UPDATE 1")


async def update_waiting(db: Connection, workspace_id: UUID, number_id: UUID, why: str) -> None:
    """Set the reason why the purchase of a number waits."""
    await db.execute(
        "UPDATE phone_numbers SET status_detail = $3 WHERE workspace_id = $1 AND id = $2 AND status = 'buying'",
        workspace_id,
        number_id,
        why,
    )


async def update_failed(db: Connection, workspace_id: UUID, number_id: UUID, why: str, now: datetime) -> None:
    """Set the status to failed and take the number from its agent."""
    await db.execute(
        """
        UPDATE phone_numbers SET status = 'failed', status_detail = $3, agent_id = NULL, updated_at = $4
        WHERE workspace_id = $1 AND id = $2 AND status = 'buying'
        """,
        workspace_id,
        number_id,
        why,
        now,
    )


async def assign_agent(db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
    """Assign a number to an agent."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = $3, updated_at = now() WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        agent_id,
    )


async def unassign_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Take a number from its agent; the workspace keeps the number."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = NULL, updated_at = now() WHERE workspace_id = $1 AND agent_id = $2",
        workspace_id,
        agent_id,
    )


async def select_holder(db: Connection, number: PhoneNumber) -> NumberHolder:
    """Return the carrier's ids of the address and the documents under which a number is bought.

    Without an address of the workspace, the address of the documents is used.
    """
    row = await db.fetchrow(_SELECT_HOLDER, number.workspace_id, number.id)
    if row is None:
        return NO_HOLDER
    return NumberHolder(row["address"] or next(iter(row["bundle_addresses"] or ()), ""), row["bundle"] or "")


async def lock_held_ids(db: Connection, workspace_id: UUID) -> list[UUID]:
    """Lock the numbers of a workspace that cost money or soon will. Return their ids."""
    rows = await db.fetch(
        "SELECT id FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active') "
        "ORDER BY id FOR UPDATE",
        workspace_id,
    )
    return [row["id"] for row in rows]


# -- Of all workspaces, in platform scope --


async def select_workspace_of(db: Connection, number_id: UUID) -> UUID | None:
    """Return the workspace that a number belongs to."""
    found: UUID | None = await db.fetchval("SELECT workspace_id FROM phone_numbers WHERE id = $1", number_id)
    return found


async def select_held_among(db: Connection, numbers: Sequence[str]) -> set[str]:
    """Return which of these numbers a workspace has or is buying.

    Args:
        numbers: The numbers that a search found.
    """
    rows = await db.fetch(
        "SELECT phone_number FROM phone_numbers "
        "WHERE phone_number = ANY($1) AND status IN ('buying', 'active', 'releasing') LIMIT $2",
        numbers,
        len(numbers),
    )
    return {row["phone_number"] for row in rows}


async def count_purchases(
    db: Connection, workspace_ids: Sequence[UUID], since: datetime, *, trials: bool = False
) -> int:
    """Count the purchases of these workspaces since a time. Needs platform scope.

    Failed purchases and imported numbers do not count.

    Args:
        trials: Count only workspaces that are on trial, or were on trial until they were suspended.
    """
    total: int = await db.fetchval(
        """
        SELECT count(*) FROM phone_numbers p JOIN workspaces w ON w.id = p.workspace_id
        WHERE p.workspace_id = ANY($1::uuid[]) AND p.created_at > $2 AND NOT p.is_imported
          AND (p.status IN ('buying', 'active', 'releasing') OR p.carrier_number_id IS NOT NULL)
          AND (NOT $3::boolean OR 'trial' IN (w.status, w.status_before))
        """,
        workspace_ids,
        since,
        trials,
    )
    return total


async def select_doomed_workspaces(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Return deleted workspaces that still have numbers to release, longest overdue first.

    These are workspaces past their grace period and workspaces that were on trial.
    """
    rows = await db.fetch(
        """
        SELECT w.id FROM workspaces w
        WHERE (w.purge_after <= $1 OR (w.purge_after IS NOT NULL AND 'trial' IN (w.status, w.status_before)))
        AND EXISTS (SELECT FROM phone_numbers p WHERE p.workspace_id = w.id AND p.status IN ('buying', 'active'))
        ORDER BY w.purge_after LIMIT $2
        """,
        now,
        most,
    )
    return [row["id"] for row in rows]


async def lock_stuck(db: Connection, before: datetime, most: int) -> list[tuple[UUID, str]]:
    """Lock numbers whose purchase or release has not progressed since `before`.

    Return their ids and status, oldest first.
    """
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
    """Set `updated_at`, so that these numbers are not checked again soon."""
    await db.execute("UPDATE phone_numbers SET updated_at = $2 WHERE id = ANY($1)", number_ids, now)


@dataclass(frozen=True, slots=True)
class ConfigurableNumber:
    """A number in service, with the data that its carrier needs to configure it."""

    id: UUID
    phone_number: str
    carrier_number_id: str


async def select_unconfigured(
    db: Connection, carrier: str, configuration: str, before: datetime, most: int
) -> list[ConfigurableNumber]:
    """Return numbers that must be configured at a carrier, least recently tried first.

    Args:
        configuration: See `Carrier.configuration`.
    """
    rows = await db.fetch(_SELECT_UNCONFIGURED, carrier, configuration, before, most)
    return [ConfigurableNumber(**row) for row in rows]


async def update_configured(db: Connection, number_id: UUID, configured_for: str | None, now: datetime) -> None:
    """Store an attempt to configure a number.

    Args:
        configured_for: The new configuration; None if the attempt failed.
    """
    await db.execute(
        "UPDATE phone_numbers SET configured_for = coalesce($2, configured_for), configure_tried_at = $3 WHERE id = $1",
        number_id,
        configured_for,
        now,
    )
