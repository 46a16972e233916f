"""A request's transaction: where the server says nothing any more, whoever asks is not kept."""

import asyncio
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.pool import Connection, Timeouts, open_pool
from control.http.transaction import in_transaction
from shared.errors import Unavailable
from tests.control.relay import relayed

# A server that is silent is waited for that long where nothing bounds it sooner: longer than a test takes.
SILENCE_S = 120.0


async def one(db: Connection) -> Any:
    return await db.fetchval("SELECT 1")


@pytest.mark.parametrize("moment", ["at its beginning", "within"])
async def test_whoever_gives_up_on_a_silent_server_is_free_at_once(database_url: str, moment: str) -> None:
    patient = Timeouts(acquire=SILENCE_S, command=SILENCE_S, statement=SILENCE_S)
    async with relayed(database_url) as (url, relay), open_pool(url, size=1, timeouts=patient) as pool:

        async def ask(db: Connection) -> Any:
            relay.freeze()
            return await one(db)

        if moment == "at its beginning":
            relay.freeze()
        async with asyncio.timeout(SILENCE_S / 4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await in_transaction(pool, ask, lambda: None)
        relay.thaw()
        assert await in_transaction(pool, one, lambda: None) == 1, "in a connection of its own"


async def test_whoever_gives_up_on_a_slow_one_keeps_the_connection(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:

        async def own_pid(db: Connection) -> Any:
            return await db.fetchval("SELECT pg_backend_pid()")

        async def sleep(db: Connection) -> Any:
            return await db.execute("SELECT pg_sleep(100)")

        before = await in_transaction(pool, own_pid, lambda: None)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await in_transaction(pool, sleep, lambda: None)
        assert await in_transaction(pool, own_pid, lambda: None) == before


async def test_what_postgresql_refuses_is_rolled_back(database_url: str) -> None:
    async with open_pool(database_url, size=1, role="owner") as pool:

        async def refused(db: Connection) -> Any:
            await db.execute("CREATE TABLE half_done ()")
            await db.execute("SELECT 1 / 0")

        with pytest.raises(asyncpg.DivisionByZeroError):
            await in_transaction(pool, refused, lambda: None)

        async def there(db: Connection) -> Any:
            return await db.fetchval("SELECT to_regclass('half_done')")

        assert await in_transaction(pool, there, lambda: None) is None


async def test_a_driver_out_of_step_with_its_server_is_a_database_that_is_away(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:

        async def out_of_step(db: Connection) -> Any:
            raise asyncpg.InternalClientError("cannot switch to state; another operation is in progress")

        with pytest.raises(Unavailable):
            await in_transaction(pool, out_of_step, lambda: None)
        assert await in_transaction(pool, one, lambda: None) == 1
