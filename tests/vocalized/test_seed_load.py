"""Made data fills a real database, and every list of the API is among what is measured."""

import asyncio
import re
from collections.abc import Iterator
from datetime import UTC, datetime

import asyncpg  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from config.catalogue import shipped_settings, shipped_tiers
from config.catalogue_agents import shipped_providers, shipped_templates
from control.agents.seed import seed_providers, seed_templates
from control.app import ROUTES
from control.db.migrate import migrate
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.http.access import Kind
from control.platform.seed import seed_platform
from tests.control.analytics.ledger import actual, expected
from tests.vocalized.services.conftest import temporary_state
from vocalized.seed_load import SeedFault, fill
from vocalized.seed_probe import Figures, admin_probes, client_probes, show
from vocalized.seed_rows import Amounts
from vocalized.services.postgres import Postgres, serve_postgres

FEW = Amounts(workspaces=20, calls=1_000, audit=100, portion=400)
QUIET = Console(quiet=True)
# One thing by its id, read like its siblings; the version of an agent among others; what is no list; what the carrier
# or the store of recordings is asked for.
NOT_MEASURED = {
    "/admin/auth/me", "/admin/templates/{templateId}", "/templates/{templateId}",
    "/workspaces/{workspaceId}/agents/{agentId}/versions/{version}",
    "/workspaces/{workspaceId}/phone-numbers/available",
    "/workspaces/{workspaceId}/calls/{callId}/recording",
}  # fmt: skip


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with temporary_state() as state, serve_postgres(state, durable=False) as server:
        yield server


async def seeded(postgres: Postgres, name: str) -> str:
    """A new database with what the product ships with."""
    url = await asyncio.to_thread(postgres.create, name)
    await asyncio.to_thread(migrate, url)
    async with open_pool(url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        await db.execute("SELECT ensure_partitions()")
        await seed_platform(db, shipped_tiers(), shipped_settings())
        await seed_providers(db, shipped_providers())
        await seed_templates(db, shipped_templates(), datetime.now(UTC))
    return url


async def test_rows_and_their_roll_ups(postgres: Postgres) -> None:
    url = await seeded(postgres, "full")
    await fill(url, FEW, "plum tractor 48 violin", QUIET)
    async with open_pool(url, size=1) as pool, pool.acquire() as owner:
        await owner.execute("RESET ROLE")
        assert await owner.fetchval("SELECT count(*) FROM calls") == FEW.calls
        assert await owner.fetchval("SELECT count(DISTINCT workspace_id) FROM calls") > 15
        assert await owner.fetchval("SELECT count(*) FROM usage_records_default") == 0, "each month has its partition"
        told, right = await actual(owner), await expected(owner)
        for table in right:
            assert told[table].keys() == right[table].keys(), table
        assert told["workspace_totals"] == right["workspace_totals"]
    await fill(url, FEW, "another tractor 49 violin", QUIET)


async def test_nothing_is_put_into_a_database_that_others_use(postgres: Postgres) -> None:
    url = await seeded(postgres, "others")
    owner = await asyncpg.connect(url)
    await owner.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES (gen_random_uuid(), 'W', 'active', 'starter')"
    )
    with pytest.raises(SeedFault, match="1 workspaces that are not ours"):
        await fill(url, FEW, "plum tractor 48 violin", QUIET)
    assert await owner.fetchval("SELECT count(*) FROM users") == 0
    await owner.close()


def test_every_list_is_measured() -> None:
    probes = [*admin_probes("", ["1"], ["1"], ["1"], "1"), *client_probes("", "1", ["1"], ["1"])]
    asked = {path.partition("?")[0] for probe in probes for path in probe.paths}
    for route in ROUTES:
        if route.method == "GET" and route.access.kind is not Kind.OPEN and route.path not in NOT_MEASURED:
            shape = re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path))
            assert any(shape.fullmatch(path) for path in asked), route.path


def test_a_slow_one_is_told() -> None:
    console = Console(record=True, quiet=True, width=100)
    assert show([Figures("a", 1.0, 50.0, 400.0)], console)
    assert not show([Figures("a", 1.0, 2.0, 3.0), Figures("b", 1.0, 50.1, 60.0)], console)
