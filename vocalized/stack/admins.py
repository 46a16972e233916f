"""Adds a member of the platform's staff straight to the database."""

from datetime import UTC, datetime

from control.accounts.model import Admin
from control.accounts.new_admin import NewAdmin, create_admin
from control.accounts.passwords import Passwords
from control.accounts.policy import HashPolicy
from control.db.pool import open_pool


async def add_admin(database_url: str, new: NewAdmin) -> Admin:
    """Raises what `control.accounts.new_admin.create_admin` raises, and the driver's errors."""
    passwords = Passwords(HashPolicy(workers=1))
    try:
        async with open_pool(database_url, size=1, name="vocalized-admin") as pool, pool.transaction() as db:
            return await create_admin(db, passwords, new, datetime.now(UTC))
    finally:
        passwords.close()
