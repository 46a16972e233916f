"""SQL of the table of phone numbers."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from control.db.pool import Connection
from control.numbers.model import PhoneNumber


async def lock_numbers(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count this workspace's numbers in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('numbers ' || $1::text, 0))", str(workspace_id))


async def count_held(db: Connection, workspace_id: UUID) -> int:
    """Counts the numbers that count against the tier."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active', 'releasing')",
        workspace_id,
    )
    return total


async def insert_number(db: Connection, number: PhoneNumber) -> bool:
    """Inserts a number that is being bought. False: a workspace has it already."""
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
    """Inserts a number that the carrier's account had already. False: a workspace has it already. It does not count as
    configured: another import of the same number, which comes to nothing, may configure it at the same time, and the
    carrier would keep that one's reference."""
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
    """Sets the name that the workspace gave it."""
    await db.execute(
        "UPDATE phone_numbers SET friendly_name = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        friendly_name,
        now,
    )


async def update_releasing(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """Sets status releasing and takes the number from its agent."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'releasing', agent_id = NULL, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        now,
    )


async def update_released(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """Sets status released."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'released', agent_id = NULL, released_at = $3, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        now,
    )


async def update_price(db: Connection, workspace_id: UUID, number_id: UUID, price: Decimal) -> None:
    """Sets the monthly price of a number that is being bought."""
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
    """Sets status active. False: the number was not being bought any more."""
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
    """Sets what a number that is being bought waits for."""
    await db.execute(
        "UPDATE phone_numbers SET status_detail = $3 WHERE workspace_id = $1 AND id = $2 AND status = 'buying'",
        workspace_id,
        number_id,
        why,
    )


async def update_failed(db: Connection, workspace_id: UUID, number_id: UUID, why: str, now: datetime) -> None:
    """Sets status failed and takes the number from its agent."""
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
    """Assigns a number to an agent."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = $3, updated_at = now() WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        agent_id,
    )


async def unassign_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Takes its number from an agent; the workspace keeps the number."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = NULL, updated_at = now() WHERE workspace_id = $1 AND agent_id = $2",
        workspace_id,
        agent_id,
    )
