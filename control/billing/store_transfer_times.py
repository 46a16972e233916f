"""SQL of transfer_times."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_UPSERT: Final = """
    INSERT INTO transfer_times (call_id, workspace_id, granted_until, is_last)
    SELECT call_id, $1, granted_until, is_last
    FROM unnest($2::uuid[], $3::timestamptz[], $4::boolean[]) AS n (call_id, granted_until, is_last)
    ON CONFLICT (call_id) DO UPDATE SET granted_until = excluded.granted_until, is_last = excluded.is_last
    WHERE (transfer_times.granted_until, transfer_times.is_last) <> (excluded.granted_until, excluded.is_last)
"""

_INSERT_UNRESERVED: Final = """
    INSERT INTO transfer_times (call_id, workspace_id, granted_until, is_last)
    SELECT call_id, $1, $3, false FROM unnest($2::uuid[]) AS n (call_id)
    ON CONFLICT DO NOTHING
"""


@dataclass(frozen=True, slots=True)
class TransferTime:
    """Until when a transferred call may go on. is_last: more was refused."""

    call_id: UUID
    granted_until: datetime
    is_last: bool


async def upsert_times(db: Connection, workspace_id: UUID, times: Sequence[TransferTime]) -> None:
    """Stores how long these calls may go on, in place of what was stored before."""
    if times:
        columns = zip(*((one.call_id, one.granted_until, one.is_last) for one in times), strict=True)
        await db.execute(_UPSERT, workspace_id, *map(list, columns))


async def insert_unreserved(db: Connection, workspace_id: UUID, call_ids: Collection[UUID], now: datetime) -> None:
    """Stores of calls without an entry that nothing was granted beyond this moment."""
    await db.execute(_INSERT_UNRESERVED, workspace_id, list(call_ids), now)


async def mark_ended(db: Connection, call_ids: Collection[UUID], now: datetime) -> None:
    """A job was told to end these calls."""
    await db.execute("UPDATE transfer_times SET ended_at = $2 WHERE call_id = ANY($1::uuid[])", list(call_ids), now)


async def delete_old(db: Connection, before: datetime) -> None:
    """Deletes the entries of calls that are over for certain: nothing was granted since `before`."""
    await db.execute("DELETE FROM transfer_times WHERE granted_until < $1", before)
