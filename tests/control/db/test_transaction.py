"""Transactions of requests: rollback, cancelled waits on a silent or slow server, and lost connections."""

import asyncio
from typing import Any

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.pool import Connection, Timeouts, open_pool
from control.db.transaction import in_transaction
from lab.stage.link import postgres_link
from shared.errors import Unavailable

# Timeouts that are longer than a test takes, so that only the caller's own timeout can end a wait.
LONG_S = 120.0


async def select_one(db: Connection) -> Any:
    return await db.fetchval("SELECT 1")


@pytest.mark.parametrize("moment", ["before", "within"])
async def test_cancelled_wait_on_a_silent_server_ends_at_once(database_url: str, moment: str) -> None:
    timeouts = Timeouts(acquire=LONG_S, command=LONG_S, statement=LONG_S)
    async with postgres_link(database_url) as (url, link), open_pool(url, size=1, timeouts=timeouts) as pool:

        async def query(db: Connection) -> Any:
            link.set("frozen")
            return await select_one(db)

        if moment == "before":
            link.set("frozen")
        async with asyncio.timeout(LONG_S / 4):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.2):
                    await in_transaction(pool, query, lambda: None)
        link.set("open")
        assert await in_transaction(pool, select_one, lambda: None) == 1, "a new connection"


async def test_cancelled_slow_statement_keeps_the_connection(database_url: str) -> None:
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


async def test_failed_statement_rolls_back(database_url: str) -> None:
    async with open_pool(database_url, size=1, role="owner") as pool:

        async def fail(db: Connection) -> Any:
            await db.execute("CREATE TABLE half_done ()")
            await db.execute("SELECT 1 / 0")

        with pytest.raises(asyncpg.DivisionByZeroError):
            await in_transaction(pool, fail, lambda: None)

        async def find_table(db: Connection) -> Any:
            return await db.fetchval("SELECT to_regclass('half_done')")

        assert await in_transaction(pool, find_table, lambda: None) is None


async def test_internal_client_error_is_unavailable(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:

        async def raise_client_error(db: Connection) -> Any:
            raise asyncpg.InternalClientError("cannot switch to state; another operation is in progress")

        with pytest.raises(Unavailable):
            await in_transaction(pool, raise_client_error, lambda: None)
        assert await in_transaction(pool, select_one, lambda: None) == 1
