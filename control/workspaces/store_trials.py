"""SQL of users' trials."""

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from control.db.pool import Connection


async def select_trial_end(db: Connection, user_ids: Collection[UUID]) -> datetime | None:
    """When the last of these users' trials ends; None if none of them had one."""
    ends_at: datetime | None = await db.fetchval(
        "SELECT max(ends_at) FROM user_trials WHERE user_id = ANY($1::uuid[])", list(user_ids)
    )
    return ends_at


async def insert_trial(db: Connection, user_id: UUID, now: datetime, ends_at: datetime) -> None:
    """Stores that a user's trial begins; a trial that is stored already stays as it is."""
    await db.execute(
        "INSERT INTO user_trials (user_id, began_at, ends_at) VALUES ($1, $2, $3) ON CONFLICT (user_id) DO NOTHING",
        user_id,
        now,
        ends_at,
    )
