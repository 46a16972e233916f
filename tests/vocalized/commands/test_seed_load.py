"""Generated data fills a real database, and every list of the API is measured."""

import asyncio
import re
from collections.abc import Iterator

import asyncpg  # type: ignore[import-untyped]
import pytest
from rich.console import Console

from control.app import ROUTES
from control.db.migrate import migrate
from control.db.pool import open_pool
from control.db.scope import enter_platform
from control.http.access import AccessKind
from tests.control.analytics.ledger import actual, expected
from tests.platform.catalog import seed_catalog
from tests.vocalized.conftest import temporary_state
from vocalized.commands.seed_load import SeedError, fill
from vocalized.seed.probe import LatencyFigures, admin_probes, client_probes, print_figures
from vocalized.seed.rows import SeedSize
from vocalized.services.postgres import Postgres, serve_postgres

SMALL_SIZE = SeedSize(workspaces=20, calls=1_000, audit=100, batch=400)
QUIET = Console(quiet=True)
# Single objects whose query a measured endpoint shares, endpoints that are no list, and those that call a carrier or
# the object storage.
NOT_MEASURED = {
    "/workspaces/{workspaceId}/analytics/export",  # streams a file
    "/workspaces/{workspaceId}/calls/live/events",  # streams until it is closed
    "/admin/calls/live/events",  # likewise
    "/workspaces/{workspaceId}/calls/{callId}/supervision",  # a few rows of one call
    "/auth/totp", "/workspaces/{workspaceId}/sign-in-rules", "/workspaces/{workspaceId}/sso",
    "/workspaces/{workspaceId}/sso/domains",
    "/admin/auth/me", "/admin/templates/{templateId}", "/templates/{templateId}",
    "/workspaces/{workspaceId}/agents/{agentId}/versions/{version}",
    "/workspaces/{workspaceId}/agents/{agentId}/versions/{version}/diff/{otherVersion}",
    "/workspaces/{workspaceId}/agents/{agentId}/draft",
    "/workspaces/{workspaceId}/phone-numbers/available", "/workspaces/{workspaceId}/phone-numbers/{numberId}",
    "/workspaces/{workspaceId}/addresses/{addressId}", "/workspaces/{workspaceId}/regulatory-bundles/{bundleId}",
    "/workspaces/{workspaceId}/calls/{callId}/recording", "/admin/phone-numbers",
    "/workspaces/{workspaceId}/privacy/exports/{exportId}/file", "/admin/integrations/available/{type}",
    "/workspaces/{workspaceId}/integrations/{integrationId}",
    "/workspaces/{workspaceId}/integrations/{integrationId}/sync-logs",
    "/workspaces/{workspaceId}/knowledge/documents/{documentId}", "/workspaces/{workspaceId}/http-tools/{httpToolId}",
    "/workspaces/{workspaceId}/mcp-servers/{mcpServerId}",
    "/workspaces/{workspaceId}/webhook-endpoints/{webhookEndpointId}",
    # The seeded workspaces have no test case.
    "/workspaces/{workspaceId}/test-cases", "/workspaces/{workspaceId}/test-cases/{testCaseId}",
    "/workspaces/{workspaceId}/agents/{agentId}/test-runs", "/workspaces/{workspaceId}/test-runs/{testRunId}",
    "/workspaces/{workspaceId}/test-runs/{testRunId}/test-cases/{testCaseId}",
    # The seeded workspaces have no endpoint, so no delivery.
    "/workspaces/{workspaceId}/webhook-endpoints/{webhookEndpointId}/deliveries",
    "/workspaces/{workspaceId}/webhook-endpoints/{webhookEndpointId}/deliveries/{webhookDeliveryId}",
    # Nor have they a campaign.
    "/workspaces/{workspaceId}/campaigns/{campaignId}", "/workspaces/{workspaceId}/campaigns/{campaignId}/progress",
    "/workspaces/{workspaceId}/campaigns/{campaignId}/recipients",
    "/workspaces/{workspaceId}/campaigns/{campaignId}/recipients/{recipientId}",
    "/workspaces/{workspaceId}/campaigns/{campaignId}/results",
}  # fmt: skip


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with temporary_state() as state, serve_postgres(state, durable=False) as server:
        yield server


async def seeded_database(postgres: Postgres, name: str) -> str:
    """A new database with the shipped catalog."""
    url = await asyncio.to_thread(postgres.create, name)
    await asyncio.to_thread(migrate, url)
    async with open_pool(url, size=1) as pool, pool.transaction() as db:
        await enter_platform(db)
        await db.execute("SELECT ensure_partitions()")
        await seed_catalog(db)
    return url


async def test_rows_are_inserted_and_rolled_up(postgres: Postgres) -> None:
    url = await seeded_database(postgres, "full")
    await fill(url, SMALL_SIZE, "plum tractor 48 violin", QUIET)
    async with open_pool(url, size=1) as pool, pool.acquire() as owner:
        await owner.execute("RESET ROLE")
        assert await owner.fetchval("SELECT count(*) FROM calls") == SMALL_SIZE.calls
        assert await owner.fetchval("SELECT count(DISTINCT workspace_id) FROM calls") > 15
        assert await owner.fetchval("SELECT count(*) FROM invoices WHERE amount > 0 AND status = 'pending'") > 5
        assert await owner.fetchval("SELECT count(*) FROM usage_records_default") == 0, "each month has its partition"
        rolled_up, expected_rows = await actual(owner), await expected(owner)
        for table in expected_rows:
            assert rolled_up[table].keys() == expected_rows[table].keys(), table
        assert rolled_up["workspace_totals"] == expected_rows["workspace_totals"]
    await fill(url, SMALL_SIZE, "another tractor 49 violin", QUIET)


async def test_foreign_database_is_refused(postgres: Postgres) -> None:
    url = await seeded_database(postgres, "others")
    owner = await asyncpg.connect(url)
    await owner.execute(
        "INSERT INTO workspaces (id, name, status, tier_name) VALUES (gen_random_uuid(), 'W', 'active', 'starter')"
    )
    with pytest.raises(SeedError, match="1 workspaces that are not ours"):
        await fill(url, SMALL_SIZE, "plum tractor 48 violin", QUIET)
    assert await owner.fetchval("SELECT count(*) FROM users") == 0
    await owner.close()


def test_every_list_is_measured() -> None:
    probes = [*admin_probes("", ["1"], ["1"], ["1"], "1"), *client_probes("", "1", ["1"], ["1"], ["1"])]
    probed_paths = {path.partition("?")[0] for probe in probes for path in probe.paths}
    for route in ROUTES:
        if route.method == "GET" and route.access.kind is not AccessKind.OPEN and route.path not in NOT_MEASURED:
            shape = re.compile(re.sub(r"\{\w+\}", "[^/]+", route.path))
            assert any(shape.fullmatch(path) for path in probed_paths), route.path


def test_slow_endpoint_is_reported() -> None:
    console = Console(record=True, quiet=True, width=100)
    assert print_figures([LatencyFigures("a", 1.0, 50.0, 400.0)], console)
    assert not print_figures([LatencyFigures("a", 1.0, 2.0, 3.0), LatencyFigures("b", 1.0, 50.1, 60.0)], console)
