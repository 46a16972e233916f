"""What only the staff and the worker write, SQL text in a customer's request does not write either: a provider's
address, to which the platform's key would be sent."""

from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Final
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import pytest

from control.db.logins import API, with_login
from control.db.pool import Connection, Pool, open_pool
from control.db.scope import enter_accounts, enter_platform, enter_workspace

READ_BY_ALL: Final = (
    "agent_templates", "exchange_rates", "integration_types", "plan_versions", "providers", "settings", "tax_rates",
    "tier_prices", "tiers", "voice_routing",
)  # fmt: skip
# Without a policy: queues, counts, digests, people's phones and the answers to repeated requests
# (docs/evidence/threats.md says what SQL text reaches there); and tables that the programs have no right to.
OPEN: Final = {
    "call_search_progress", "failed_sign_ins", "former_users", "idempotency_keys", "letter_counts", "pgqueuer",
    "pgqueuer_log", "pgqueuer_schedules", "pgqueuer_statistics", "platform_calls", "provider_figures",
    "provider_probes", "schema_migrations", "session_keys", "sign_in_failures", "user_trials", "verified_numbers",
}  # fmt: skip
# A row of each table that the shipped catalog leaves empty.
ROWS: Final = (
    "INSERT INTO tier_prices (tier_name, currency, monthly_fee, price_per_minute) "
    "SELECT tier_name, 'chf', 1, 1 FROM tiers LIMIT 1",
    "INSERT INTO plan_versions (tier_name, monthly_fee, included_minutes, valid_from, created_at) "
    "SELECT tier_name, 1, 1, now(), now() FROM tiers LIMIT 1",
    "INSERT INTO exchange_rates (currency, usd, valid_from, created_at) VALUES ('chf', 1.1, now(), now())",
    "INSERT INTO tax_rates (country, name, basis_points, is_inclusive, valid_from, created_at) "
    "VALUES ('DE', 'VAT', 1900, false, now(), now())",
    "INSERT INTO webhook_events (source, event_id, event_type, payload) VALUES ('twilio', 'e1', 'inbound', '{}')",
    "INSERT INTO voice_routing (default_strategy) VALUES ('latency') ON CONFLICT DO NOTHING",
)


@pytest.fixture
async def owner(seeded_database_url: str) -> AsyncIterator[asyncpg.Connection]:
    connection = await asyncpg.connect(seeded_database_url)
    yield connection
    await connection.close()


@pytest.fixture
async def api(seeded_database_url: str) -> AsyncIterator[Pool]:
    async with open_pool(with_login(seeded_database_url, API), size=1) as pool:
        yield pool


async def attack(api: Pool, statement: str) -> int:
    """The rows that it changed in a customer's request that says it is the platform's."""
    with suppress(asyncpg.InsufficientPrivilegeError):
        async with api.transaction() as db:
            await enter_workspace(db, uuid4(), uuid4())
            await db.execute("SELECT set_config('vocalized.scope', 'platform', true)")
            return await _count(db, statement)
    return 0


async def _count(db: Connection, statement: str) -> int:
    return int(str(await db.execute(statement)).rpartition(" ")[2])


async def test_a_tenants_sql_writes_no_table_of_the_platform(api: Pool, owner: asyncpg.Connection) -> None:
    for row in ROWS:
        await owner.execute(row)
    for table in (*READ_BY_ALL, "webhook_events"):
        assert await owner.fetchval(f"SELECT count(*) FROM {table}"), f"{table} is empty: nothing would be shown"
        column = await owner.fetchval(
            "SELECT column_name FROM information_schema.columns WHERE table_name = $1 AND is_identity = 'NO' LIMIT 1",
            table,
        )
        for statement in (f"DELETE FROM {table}", f"UPDATE {table} SET {column} = {column}"):
            assert await attack(api, statement) == 0, statement
    for table in READ_BY_ALL:
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            async with api.transaction() as db:
                await enter_accounts(db)
                await db.execute(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM {table}")


async def test_webhooks_of_all_callers_are_read_in_platform_scope_only(api: Pool, owner: asyncpg.Connection) -> None:
    await owner.execute(ROWS[-2].replace("'e1'", "'e2'"))
    async with api.transaction() as db:
        await enter_workspace(db, uuid4(), uuid4())
        assert await db.fetch("SELECT payload FROM webhook_events") == []
        assert await db.fetch("SELECT provider FROM providers") != []
        await enter_platform(db)
        assert await db.fetch("SELECT payload FROM webhook_events") != []
        assert await _count(db, "UPDATE providers SET priority = priority") > 0


async def test_every_table_has_a_policy_or_is_named_here(owner: asyncpg.Connection) -> None:
    """A new table is open to all SQL of the API until somebody decides."""
    rows = await owner.fetch(
        "SELECT relname FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace "
        "AND NOT relrowsecurity"
    )
    assert {row["relname"] for row in rows} == OPEN
