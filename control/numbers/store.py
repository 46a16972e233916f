"""All SQL of phone numbers; which agent has one is changed by the agents' room too."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.numbers.model import Number

_NUMBER: Final = """
    SELECT p.id, p.workspace_id, p.phone_number, p.friendly_name, p.carrier, p.carrier_number_id, p.status,
           p.status_detail, p.agent_id, a.name AS agent_name, p.country, p.capabilities, p.monthly_price,
           p.created_at, p.updated_at, p.released_at
    FROM phone_numbers p LEFT JOIN agents a ON a.workspace_id = p.workspace_id AND a.id = p.agent_id
"""
# Those that are gone are told only to whoever asks for them.
_MATCHES: Final = """
    p.workspace_id = $1 AND (CASE WHEN $2::text IS NULL THEN p.status <> 'released' ELSE p.status = $2 END)
"""


async def select_numbers(
    db: Connection, workspace_id: UUID, status: str | None, offset: int, limit: int
) -> list[Number]:
    """A page, newest first."""
    rows = await db.fetch(
        f"{_NUMBER} WHERE {_MATCHES} ORDER BY p.created_at DESC, p.id DESC LIMIT $3 OFFSET $4",
        workspace_id, status, limit, offset,
    )  # fmt: skip
    return [Number(**row) for row in rows]


async def count_matching(db: Connection, workspace_id: UUID, status: str | None) -> int:
    """How many `select_numbers` would find."""
    total: int = await db.fetchval(f"SELECT count(*) FROM phone_numbers p WHERE {_MATCHES}", workspace_id, status)
    return total


async def select_number(db: Connection, workspace_id: UUID, number_id: UUID) -> Number | None:
    """One of the workspace's."""
    row = await db.fetchrow(f"{_NUMBER} WHERE p.workspace_id = $1 AND p.id = $2", workspace_id, number_id)
    return None if row is None else Number(**row)


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> Number | None:
    """The same; whoever wants to change it too waits until this transaction ends."""
    locked = await db.fetchval(
        "SELECT true FROM phone_numbers WHERE workspace_id = $1 AND id = $2 FOR UPDATE", workspace_id, number_id
    )
    return await select_number(db, workspace_id, number_id) if locked else None


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """It neither goes live nor changes its number until this transaction ends. Before any number of it is locked, as
    the agents' room does."""
    await db.execute("SELECT FROM agents WHERE workspace_id = $1 AND id = $2 FOR SHARE", workspace_id, agent_id)


async def lock_numbers(db: Connection, workspace_id: UUID) -> None:
    """Whoever counts this workspace's numbers in order to add one waits until this transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('numbers ' || $1::text, 0))", str(workspace_id))


async def count_held(db: Connection, workspace_id: UUID) -> int:
    """Those that count against the tier."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM phone_numbers WHERE workspace_id = $1 AND status IN ('buying', 'active', 'releasing')",
        workspace_id,
    )
    return total


async def count_purchases(db: Connection, workspace_id: UUID, since: datetime) -> int:
    """Purchases begun since then; not those that came to nothing."""
    total: int = await db.fetchval(
        """
        SELECT count(*) FROM phone_numbers WHERE workspace_id = $1 AND created_at > $2
        AND (status IN ('buying', 'active', 'releasing') OR carrier_number_id IS NOT NULL)
        """,
        workspace_id,
        since,
    )
    return total


async def insert_number(db: Connection, number: Number) -> bool:
    """One that is being bought. False: somebody here, of any workspace, has it."""
    status = await db.execute(
        """
        INSERT INTO phone_numbers (id, workspace_id, phone_number, friendly_name, carrier, status, country,
                                   created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, 'buying', $6, $7, $7)
        ON CONFLICT (phone_number) WHERE status IN ('buying', 'active', 'releasing') DO NOTHING
        """,
        number.id, number.workspace_id, number.phone_number, number.friendly_name, number.carrier, number.country,
        number.created_at,
    )  # fmt: skip
    return bool(status == "INSERT 0 1")


async def update_name(db: Connection, workspace_id: UUID, number_id: UUID, friendly_name: str, now: datetime) -> None:
    """What the workspace calls it."""
    await db.execute(
        "UPDATE phone_numbers SET friendly_name = $3, updated_at = $4 WHERE workspace_id = $1 AND id = $2",
        workspace_id, number_id, friendly_name, now,
    )  # fmt: skip


async def update_releasing(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """It is to be given back, and no agent answers it any more."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'releasing', agent_id = NULL, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id, number_id, now,
    )  # fmt: skip


async def update_released(db: Connection, workspace_id: UUID, number_id: UUID, now: datetime) -> None:
    """It is gone."""
    await db.execute(
        "UPDATE phone_numbers SET status = 'released', agent_id = NULL, released_at = $3, updated_at = $3 "
        "WHERE workspace_id = $1 AND id = $2",
        workspace_id, number_id, now,
    )  # fmt: skip


async def update_price(db: Connection, workspace_id: UUID, number_id: UUID, price: Decimal) -> None:
    """What it costs a month, while it is being bought."""
    await db.execute(
        "UPDATE phone_numbers SET monthly_price = $3 WHERE workspace_id = $1 AND id = $2 AND status = 'buying'",
        workspace_id, number_id, price,
    )  # fmt: skip


async def update_bought(
    db: Connection, workspace_id: UUID, number_id: UUID, carrier_number_id: str, capabilities: Mapping[str, bool],
    now: datetime,
) -> bool:  # fmt: skip
    """It is ours and works. False: it was not being bought any more."""
    status = await db.execute(
        """
        UPDATE phone_numbers
        SET status = 'active', status_detail = NULL, carrier_number_id = $3, capabilities = $4, updated_at = $5
        WHERE workspace_id = $1 AND id = $2 AND status = 'buying'
        """,
        workspace_id, number_id, carrier_number_id, dict(capabilities), now,
    )  # fmt: skip
    return bool(status == "UPDATE 1")


async def update_failed(db: Connection, workspace_id: UUID, number_id: UUID, why: str, now: datetime) -> None:
    """It is not to be had; an agent that was to answer it is without."""
    await db.execute(
        """
        UPDATE phone_numbers SET status = 'failed', status_detail = $3, agent_id = NULL, updated_at = $4
        WHERE workspace_id = $1 AND id = $2 AND status = 'buying'
        """,
        workspace_id, number_id, why, now,
    )  # fmt: skip
