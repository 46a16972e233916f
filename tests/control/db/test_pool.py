"""The pool against a real server: role, state after release, and timeouts."""

import asyncio
import uuid
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.pool import Connection, Pool, PoolExhausted, Timeouts, open_pool

SHORT_TIMEOUTS = Timeouts(connect=5, acquire=0.2, statement=0.2, command=10, idle_in_transaction=0.2)


async def backend_pid(connection: Connection) -> int:
    number: int = await connection.fetchval("SELECT pg_backend_pid()")
    return number


async def test_connections_keep_the_role_after_release(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        for _ in range(3):
            async with pool.acquire() as connection:
                assert await connection.fetchval("SELECT current_user") == "vocalized_app"


async def test_role_cannot_bypass_row_level_security(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool, pool.acquire() as connection:
        row = await connection.fetchrow(
            "SELECT rolsuper, rolbypassrls, rolcanlogin FROM pg_roles WHERE rolname = current_user"
        )
        assert tuple(row) == (False, False, False)


async def test_transaction_settings_do_not_outlive_the_transaction(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        async with pool.transaction() as connection:
            first = await backend_pid(connection)
            await connection.execute("SELECT set_config('vocalized.workspace_id', $1, true)", str(uuid.uuid4()))
            assert await connection.fetchval("SELECT current_setting('vocalized.workspace_id', true)")
        async with pool.transaction() as connection:
            assert await backend_pid(connection) == first
            assert not await connection.fetchval("SELECT current_setting('vocalized.workspace_id', true)")


async def test_open_transaction_is_rolled_back_on_release(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        async with pool.acquire() as connection:
            await connection.execute("BEGIN")
            await connection.execute("SELECT set_config('vocalized.workspace_id', 'left', true)")
        async with pool.acquire() as connection:
            assert not connection.is_in_transaction()
            assert not await connection.fetchval("SELECT current_setting('vocalized.workspace_id', true)")


async def test_transaction_commits_and_rolls_back_on_error(empty_database_url: str) -> None:
    async with open_pool(empty_database_url, size=1, role="owner") as pool:
        async with pool.transaction() as connection:
            await connection.execute("CREATE TABLE kept (n int)")
        with pytest.raises(ZeroDivisionError):
            async with pool.transaction() as connection:
                await connection.execute("INSERT INTO kept VALUES (1)")
                raise ZeroDivisionError
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT count(*) FROM kept") == 0


async def test_release_costs_no_round_trip(empty_database_url: str) -> None:
    """pg_stat_activity shows the last statement: a reset query would replace ours."""
    async with open_pool(empty_database_url, size=2, role="owner") as pool, pool.acquire() as observer:
        async with pool.acquire() as connection:
            number = await backend_pid(connection)
            await connection.execute("SELECT 'mine'")
        last = await observer.fetchval("SELECT query FROM pg_stat_activity WHERE pid = $1", number)
    assert last == "SELECT 'mine'"


async def test_json_is_decoded_and_decimals_are_written_as_numbers(database_url: str) -> None:
    value = {"price": Decimal("0.0085"), "tags": ["a", None], "on": True, "name": "Zoë"}
    async with open_pool(database_url, size=1) as pool, pool.acquire() as connection:
        for kind in ("json", "jsonb"):
            assert await connection.fetchval(f"SELECT $1::{kind}", value) == value | {"price": 0.0085}
            assert await connection.fetchval(f"SELECT $1::{kind} ->> 'price'", value) == "0.0085"


async def test_slow_statement_is_cancelled_and_the_connection_stays_usable(database_url: str) -> None:
    async with open_pool(database_url, size=1, timeouts=SHORT_TIMEOUTS) as pool:
        async with pool.acquire() as connection:
            first = await backend_pid(connection)
            with pytest.raises(asyncpg.QueryCanceledError, match="statement timeout"):
                await connection.execute("SELECT pg_sleep(60)")
        async with pool.acquire() as connection:
            assert await backend_pid(connection) == first


async def test_command_timeout_ends_a_command_without_an_answer(database_url: str) -> None:
    timeouts = Timeouts(command=0.2, statement=60)
    async with open_pool(database_url, size=1, timeouts=timeouts) as pool, pool.acquire() as connection:
        with pytest.raises(TimeoutError):
            await connection.execute("SELECT pg_sleep(60)")


async def test_exhausted_pool_raises_and_recovers(database_url: str) -> None:
    async with open_pool(database_url, size=1, timeouts=SHORT_TIMEOUTS) as pool:
        async with pool.acquire():
            with pytest.raises(PoolExhausted, match=r"none of 1 database connections was free within 0\.2 s"):
                async with pool.acquire():
                    pass
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT 1") == 1


async def test_idle_transaction_is_ended_and_the_connection_replaced(database_url: str) -> None:
    async with open_pool(database_url, size=1, timeouts=SHORT_TIMEOUTS) as pool:
        with pytest.raises((asyncpg.PostgresError, asyncpg.InterfaceError, OSError)):
            await _idle_in_transaction(pool)
        async with pool.acquire() as connection:
            assert await connection.fetchval("SELECT current_user") == "vocalized_app"


async def _idle_in_transaction(pool: Pool) -> None:
    async with pool.transaction() as connection:
        ended = asyncio.Event()
        connection.add_termination_listener(lambda _: ended.set())
        async with asyncio.timeout(30):
            await ended.wait()
        await connection.execute("SELECT 1")


async def test_connections_ended_by_the_server_are_replaced(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        async with pool.acquire() as connection:
            first = await backend_pid(connection)
        admin_connection = await asyncpg.connect(database_url)
        await admin_connection.execute("SELECT pg_terminate_backend($1, 5000)", first)
        await admin_connection.close()
        async with pool.acquire() as connection:
            assert await backend_pid(connection) != first
            assert await connection.fetchval("SELECT current_user") == "vocalized_app"


async def test_unreachable_server_fails_at_the_start(services_state: Path) -> None:
    with pytest.raises(OSError):
        async with open_pool(f"postgresql://owner@/vocalized?host={services_state}/nowhere", size=1):
            pass


async def test_unknown_role_fails_at_the_start(database_url: str) -> None:
    with pytest.raises(asyncpg.InvalidParameterValueError, match="nonesuch"):
        async with open_pool(database_url, size=1, role="nonesuch"):
            pass


async def test_sessions_have_the_application_name(database_url: str) -> None:
    async with open_pool(database_url, size=1, name="vocalized-worker") as pool, pool.acquire() as connection:
        assert await connection.fetchval("SELECT current_setting('application_name')") == "vocalized-worker"


async def test_the_types_of_arrays_are_read_from_the_catalog_once(database_url: str) -> None:
    statement = "SELECT $1::uuid[] AS ids, $2::timestamptz[] AS times, $3::jsonb[] AS details"
    values = ([uuid.UUID(int=7)], [datetime(2026, 1, 1, tzinfo=UTC)], [{"a": 1}])
    queries: list[str] = []
    for _ in range(2):
        async with open_pool(database_url, size=1) as pool, pool.acquire() as db:
            queries.clear()
            with db.query_logger(lambda logged: queries.append(logged.query)):
                row = await db.fetchrow(statement, *values)
            assert tuple(row.values()) == values
    assert queries == [statement]
