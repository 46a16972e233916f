"""SQL of verified phone numbers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.accounts.model import VerifiedNumber
from control.db.pool import Connection

_INSERT: Final = """
    INSERT INTO verified_numbers (id, user_id, phone_number, verified_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (user_id, phone_number) DO UPDATE SET verified_at = excluded.verified_at
    RETURNING id, user_id, phone_number, verified_at
"""
# Without the digest whoever forgets a phone could verify it for the next account, and be somebody new.
_DELETE: Final = """
    WITH forgotten AS (DELETE FROM verified_numbers WHERE user_id = $1 AND id = $2 RETURNING user_id, phone_number)
    INSERT INTO former_users (user_id, identity) SELECT user_id, phone_identity(phone_number) FROM forgotten
    ON CONFLICT (user_id, identity) DO UPDATE SET deleted_at = excluded.deleted_at
"""


async def insert_verified(
    db: Connection, number_id: UUID, user_id: UUID, phone_number: str, now: datetime
) -> VerifiedNumber:
    """Stores that a number is the user's; the row of before stays, verified anew, if there is one."""
    return VerifiedNumber(**await db.fetchrow(_INSERT, number_id, user_id, phone_number, now))


async def count_others(db: Connection, user_id: UUID, phone_number: str) -> int:
    """Counts the user's verified numbers besides this one."""
    count: int = await db.fetchval(
        "SELECT count(*) FROM verified_numbers WHERE user_id = $1 AND phone_number <> $2", user_id, phone_number
    )
    return count


async def delete_verified(db: Connection, user_id: UUID, number_id: UUID) -> bool:
    """Keeps whose it was for limits that count people (control/accounts/people.py). False: the user has no such
    number."""
    return bool(await db.execute(_DELETE, user_id, number_id) == "INSERT 0 1")
