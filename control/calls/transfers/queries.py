"""SQL for warm_transfers."""

from collections.abc import Collection
from typing import Any, Final
from uuid import UUID

from control.calls.transfers.rules import WarmTransfer
from control.db.pool import Connection

_COLUMNS: Final = """
    id, workspace_id, call_id, run_id, carrier, number, language, brief, status, failure, leg_id, conference, asked_at,
    joined_at, created_at
"""
_INSERT: Final = """
    INSERT INTO warm_transfers (id, workspace_id, call_id, run_id, carrier, number, language, brief, status, created_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 'calling', $9) ON CONFLICT (call_id, run_id) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE warm_transfers
    SET status = $2, failure = $3, leg_id = $4, conference = $5, brief = $6, joined_at = $7, asked_at = $8
    WHERE id = $1
"""


async def insert_transfer(db: Connection, new: WarmTransfer) -> bool:
    """Inserts a transfer. Returns False if this run of the tool already has one."""
    values = (new.run_id, new.carrier, new.number, new.language, new.brief, new.created_at)
    return bool((await db.execute(_INSERT, new.id, new.workspace_id, new.call_id, *values)).endswith(" 1"))


async def select_by_run(db: Connection, call_id: UUID, run_id: str) -> WarmTransfer | None:
    """Returns the transfer of this run of the tool."""
    query = f"SELECT {_COLUMNS} FROM warm_transfers WHERE call_id = $1 AND run_id = $2"
    return _transfer(await db.fetchrow(query, call_id, run_id))


async def select_call_id(db: Connection, transfer_id: UUID) -> UUID | None:
    """Returns the id of the call that is transferred."""
    found: UUID | None = await db.fetchval("SELECT call_id FROM warm_transfers WHERE id = $1", transfer_id)
    return found


async def lock_transfer(db: Connection, transfer_id: UUID) -> WarmTransfer | None:
    """Locks and returns the transfer."""
    return _transfer(await db.fetchrow(f"SELECT {_COLUMNS} FROM warm_transfers WHERE id = $1 FOR UPDATE", transfer_id))


async def select_of_call(db: Connection, call_id: UUID) -> list[WarmTransfer]:
    """Returns the transfers of a call, the oldest first."""
    query = f"SELECT {_COLUMNS} FROM warm_transfers WHERE call_id = $1 ORDER BY created_at, id LIMIT 100"
    return [transfer for row in await db.fetch(query, call_id) if (transfer := _transfer(row)) is not None]


async def update_transfer(db: Connection, transfer: WarmTransfer) -> None:
    """Writes the changeable columns. The row must be locked."""
    values = (
        transfer.status,
        transfer.failure,
        transfer.leg_id,
        transfer.conference,
        transfer.brief,
        transfer.joined_at,
        transfer.asked_at,
    )
    await db.execute(_UPDATE, transfer.id, *values)


async def select_open_legs(db: Connection, leg_ids: Collection[str]) -> set[str]:
    """Returns the ids among these that are legs of running transfers. Needs platform scope."""
    query = """
        SELECT leg_id FROM warm_transfers
        WHERE leg_id = ANY($1::text[]) AND status IN ('calling', 'asking', 'accepted') LIMIT 20000
    """
    return {row["leg_id"] for row in await db.fetch(query, list(leg_ids))}


def _transfer(row: Any) -> WarmTransfer | None:
    return None if row is None else WarmTransfer(**row)
