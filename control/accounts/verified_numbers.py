"""Phone numbers that users have proved to be theirs."""

from datetime import datetime
from uuid import UUID

from control.accounts import store_verified_numbers
from control.accounts.model import VerifiedNumber
from control.db.pool import Connection
from shared.errors import Conflict, NotFound
from shared.ids import new_id


async def require_room(db: Connection, user_id: UUID, phone_number: str, most: int) -> None:
    """Raises Conflict (verified_number_limit) when the user has so many numbers besides this one."""
    if await store_verified_numbers.count_others(db, user_id, phone_number) >= most:
        raise Conflict(f"One user verifies {most} phone numbers at most.", code="verified_number_limit")


async def add_verified(db: Connection, user_id: UUID, phone_number: str, now: datetime) -> VerifiedNumber:
    """Stores that a number is the user's; a number that was theirs is verified anew."""
    return await store_verified_numbers.insert_verified(db, UUID(new_id()), user_id, phone_number, now)


async def remove_verified(db: Connection, user_id: UUID, number_id: UUID) -> None:
    """Raises NotFound (verified_number_not_found)."""
    if not await store_verified_numbers.delete_verified(db, user_id, number_id):
        raise NotFound("You have no such verified number.", code="verified_number_not_found")
