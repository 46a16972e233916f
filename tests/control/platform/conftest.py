"""A transaction with platform scope in a seeded database, rolled back after each test."""

from collections.abc import AsyncIterator

import pytest

from config.catalog import shipped_settings, shipped_tiers
from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform
from control.platform.service import seed_platform


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Connection]:
    """A connection with the role of the programs."""
    async with open_pool(database_url, size=1) as pool, pool.acquire() as connection:
        transaction = connection.transaction()
        await transaction.start()
        await enter_platform(connection)
        await seed_platform(connection, shipped_tiers(), shipped_settings())
        yield connection
        await transaction.rollback()
