"""A workspace that is connected to the simulated Google Calendar and HubSpot, with an API key instead of OAuth."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from config.catalog_integrations import shipped_integration_types
from control.db.pool import Connection
from control.integrations.actions.queries import select_connection
from control.integrations.actions.rules import ActiveConnection
from control.integrations.actions.service import ActionRunner
from control.integrations.grants.oauth import OAuthRequests
from control.integrations.grants.rules import GrantPolicy, VendorCredentials, seal_credentials
from control.integrations.grants.service import Connections, TypeAccounts
from control.integrations.syncs.service import SYNC_INTEGRATION, SyncIntegrationJob, SyncPolicy, request_syncs
from control.integrations.syncs.tasks import make_sync_job
from control.integrations.types.rules import parse_type_config
from control.integrations.vendor_http import VendorHttp
from shared.egress import EgressGuard
from shared.ids import new_id
from simulator.integrations.server import SimulatedIntegrations, running_integrations
from tests.control.calls.call_platform import NOW, SEALER, CallPlatform, LiveWorkspace

GUARD: Final = EgressGuard(["127.0.0.0/8"])
# The types as they ship; only how they are authorized and where they are differs.
CALENDAR_PATH: Final = "/calendar/v3"
_SHIPPED: Final = {
    shipped_integration_type["type"]: shipped_integration_type["config"]
    for shipped_integration_type in shipped_integration_types()
}


def declare(shipped: str, path: str = "", **changes: Any) -> Mapping[str, Any]:
    """The config of a type that ships, with an API key. path: of its address."""
    without = {name: part for name, part in _SHIPPED[shipped].items() if name != "oauth"}
    return {**without, "base_url": path, "api_key": {}, **changes}


CALENDAR: Final = declare("google_calendar", CALENDAR_PATH)
CONTACTS: Final = declare(
    "hubspot", config_schema={"type": "object", "properties": {"phone_region": {"type": "string"}}}
)


@dataclass(slots=True)
class ConnectedVendor:
    """A workspace's connection to simulated vendors."""

    platform: CallPlatform
    workspace: LiveWorkspace
    vendors: SimulatedIntegrations
    id: UUID
    runner: ActionRunner
    now: datetime = NOW

    async def load(self) -> ActiveConnection:
        """The connection as requests need it."""
        found: ActiveConnection | None = await self.in_workspace(
            lambda db: select_connection(db, self.workspace.workspace_id, self.id)
        )
        assert found is not None
        return found

    async def in_workspace(self, work: Any) -> Any:
        """Runs work in the workspace's scope."""
        return await self.platform.in_workspace(self.workspace, work)

    async def request(self) -> UUID:
        """Asks for a sync; returns the id of its log entry."""
        await self.in_workspace(lambda db: request_syncs(db, self.workspace.workspace_id, self.id, self.now))
        (row,) = await self.rows(
            "SELECT id FROM integration_sync_logs WHERE integration_id = $1 AND status IN ('queued', 'running')"
        )
        log_id: UUID = row["id"]
        return log_id

    async def run_job(self, **policy: Any) -> None:
        """Runs the job of this connection's syncs once, as a worker does."""
        job = make_sync_job(self.platform.pool, self.runner, SyncPolicy(**policy), lambda: self.now)
        await job(msgspec.json.encode(SyncIntegrationJob(self.workspace.workspace_id, self.id)))

    async def sync(self) -> Any:
        """A sync to its end; returns its log entry."""
        log_id = await self.request()
        await self.run_job()
        return await self.log_row(log_id)

    async def log_row(self, log_id: UUID) -> Any:
        """An entry of the log."""
        return await self.in_workspace(
            lambda db: db.fetchrow("SELECT * FROM integration_sync_logs WHERE id = $1", log_id)
        )

    async def rows(self, query: str) -> list[Any]:
        """Rows of this connection ($1)."""
        rows: list[Any] = await self.in_workspace(lambda db: db.fetch(query, self.id))
        return rows

    async def jobs(self) -> int:
        """How many jobs of this connection are queued."""
        payloads = await self.platform.job_payloads(SYNC_INTEGRATION)
        return sum(
            msgspec.json.decode(payload, type=SyncIntegrationJob).integration_id == self.id for payload in payloads
        )


@asynccontextmanager
async def connected(
    platform: CallPlatform,
    declared: Mapping[str, Any],
    settings: Mapping[str, Any] | None = None,
    *,
    workspace: LiveWorkspace | None = None,
    timeout_s: float = 5.0,
    **agent: Any,
) -> AsyncIterator[ConnectedVendor]:
    """A workspace with a connection of a type that is declared so; its vendors run until the block ends."""
    workspace = workspace or await platform.create_workspace(**agent)
    async with running_integrations() as vendors:
        integration_id, name = UUID(new_id()), f"type_{new_id()}"
        config = {**declared, "base_url": f"{vendors.url}{declared['base_url']}"}
        parse_type_config(config, "api_key")
        vendors.contacts.page = vendors.calendars.page = 2

        async def insert(db: Connection) -> None:
            await db.execute(
                "INSERT INTO integration_types (type, name, description, auth_type, config) "
                "VALUES ($1, $1, '', 'api_key', $2)",
                name, config,
            )  # fmt: skip
            sealed = seal_credentials(SEALER, VendorCredentials(vendors.token))
            await db.execute(
                "INSERT INTO integrations (id, workspace_id, integration_type, name, status, config, credentials) "
                "VALUES ($1, $2, $3, $3, 'connected', $4, $5)",
                integration_id, workspace.workspace_id, name, dict(settings or {"calendar_id": "primary"}), sealed,
            )  # fmt: skip

        await platform.in_platform(insert)
        http = VendorHttp(GUARD, timeout_s)
        accounts = TypeAccounts(SEALER, "https://api.example.com")
        access = Connections(platform.pool, accounts, OAuthRequests(http), GrantPolicy())
        yield ConnectedVendor(platform, workspace, vendors, integration_id, ActionRunner(access, http))
