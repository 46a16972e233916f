"""Plans that a transaction of a call keeps for the next one."""

from uuid import UUID

from control.db.pool import Connection, open_pool
from control.db.scope import enter_platform, enter_platform_for_calls

STATEMENT = "SELECT id FROM calls WHERE id = ANY($1::uuid[])"


async def count_plans(db: Connection) -> tuple[int, int]:
    """Generic and custom plans of the statement in this session."""
    row = await db.fetchrow(
        "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement = $1", STATEMENT
    )
    return row["generic_plans"], row["custom_plans"]


async def test_transactions_of_calls_plan_a_statement_once(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        for _ in range(3):
            async with pool.transaction() as db:
                await enter_platform_for_calls(db)
                await db.fetch(STATEMENT, [UUID(int=1), UUID(int=2)])
        async with pool.transaction() as db:
            assert await count_plans(db) == (3, 0)


async def test_other_transactions_plan_as_postgresql_decides(database_url: str) -> None:
    async with open_pool(database_url, size=1) as pool:
        async with pool.transaction() as db:
            await enter_platform_for_calls(db)
        async with pool.transaction() as db:
            await enter_platform(db)
            assert await db.fetchval("SHOW plan_cache_mode") == "auto"
