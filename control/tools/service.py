"""The services of this room, with what they share: one HTTP client, and the sessions with MCP servers."""

from collections.abc import Collection
from dataclasses import dataclass

from control.db.pool import Pool
from control.db.scope import enter_platform
from control.tools import store_mcp_servers
from control.tools.http_client import ToolHttpClient
from control.tools.http_tools import HttpTools
from control.tools.mcp_connections import McpConnections
from control.tools.mcp_servers import McpServers
from control.tools.request_handlers import WorkspaceToolHandlers
from control.workspaces.service import Workspaces
from shared.egress import EgressGuard
from shared.secrets import Sealer


@dataclass(frozen=True, slots=True)
class ToolServices:
    """http, mcp: for the API. handlers: for requests of running calls. connections: to be closed at the end."""

    http: HttpTools
    mcp: McpServers
    handlers: WorkspaceToolHandlers
    connections: McpConnections

    async def prepare(self, pool: Pool) -> None:
        """Does at the start of a process what would delay the first calls. Raises as `Pool.transaction`."""
        async with pool.transaction() as db:
            await enter_platform(db)
            is_needed = await store_mcp_servers.has_servers(db)
        if is_needed:
            await self.connections.load_library()


def make_tools(workspaces: Workspaces, sealer: Sealer, guard: EgressGuard, reserved: Collection[str]) -> ToolServices:
    """guard: of customers' addresses. reserved: names of the platform's own tools."""
    client, connections = ToolHttpClient(guard), McpConnections(guard)
    return ToolServices(
        HttpTools(workspaces, sealer, client, reserved),
        McpServers(workspaces, sealer, connections),
        WorkspaceToolHandlers(sealer, client, connections),
        connections,
    )
