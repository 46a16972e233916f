"""Manages the MCP servers of a workspace: members create, change and delete them, list their tools, and try a tool."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.audit.service import Actor, Change, record_change
from control.db.pool import Connection
from control.tools import queries as tools_queries
from control.tools.mcp_servers import queries
from control.tools.mcp_servers.execution import McpConnections, McpExecution, ToolListing, list_tools
from control.tools.mcp_servers.rules import McpServer, McpServerConfig
from control.tools.rules import HeaderSafe, SealedHeaders, require_distinct, require_public, require_unused
from control.workspaces.service import Workspaces
from shared.errors import Conflict, NotFound, Unavailable
from shared.ids import new_id
from shared.secrets import Sealer

MOST_SERVERS: Final = 20
Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class McpServerEdit:
    """Input for a new or changed server. A field that is None stays unchanged.

    Attributes:
        secrets: Values of the secret headers by name. They replace all stored values.
    """

    config: McpServerConfig | None = None
    secrets: Mapping[str, str] | None = field(default=None, repr=False)


class McpServers:
    """Manages MCP servers.

    Each method runs in the current transaction, in the workspace's scope. Requests to servers run after the
    transaction.
    """

    def __init__(self, workspaces: Workspaces, sealer: Sealer, connections: McpConnections) -> None:
        self._workspaces, self._safe, self.connections = workspaces, HeaderSafe(sealer), connections

    async def list_all(self, db: Connection, workspace_id: UUID) -> list[McpServer]:
        """Return the workspace's servers, by name."""
        return await queries.select_servers(db, workspace_id, MOST_SERVERS)

    async def get(self, db: Connection, workspace_id: UUID, server_id: UUID, *, lock: bool = False) -> McpServer:
        """Return a server. Raises NotFound."""
        found = await queries.select_server(db, workspace_id, server_id, lock=lock)
        if found is None:
            raise NotFound("There is no such MCP server.", code="mcp_server_not_found")
        return found

    async def create(
        self, db: Connection, workspace_id: UUID, actor: Actor, name: str, edit: McpServerEdit, now: datetime
    ) -> McpServer:
        """Add a server. Its tools are listed later.

        Raises Conflict (codes mcp_server_limit, server_name_taken, workspace_suspended), Invalid (codes
        address_refused, header_twice).

        Args:
            edit: Must have a config.
        """
        assert edit.config is not None
        await self._workspaces.require_not_suspended(db, workspace_id)
        self._check(edit.config, list(edit.secrets or {}))
        await queries.lock_servers(db, workspace_id)
        if len(await self.list_all(db, workspace_id)) >= MOST_SERVERS:
            raise Conflict(f"A workspace has {MOST_SERVERS} MCP servers at most.", code="mcp_server_limit")
        secrets = self._safe.seal(edit.secrets or {})
        server = McpServer(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            name=name,
            config=edit.config,
            secret_names=secrets.names,
            sealed=secrets.sealed,
            tools=(),
            listed_at=None,
            tried_at=None,
            list_error=None,
            created_at=now,
            updated_at=now,
        )
        if not await queries.insert_server(db, server):
            raise Conflict("The workspace has an MCP server of this name.", code="server_name_taken", param="name")
        await _record(db, actor, "mcp_server.create", server, after=_audited(server))
        return server

    async def update(
        self, db: Connection, workspace_id: UUID, actor: Actor, server_id: UUID, edit: McpServerEdit, now: datetime
    ) -> McpServer:
        """Change a server.

        Raises NotFound, Conflict (code workspace_suspended), Invalid (codes of `create`, and secrets_missing).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, server_id, lock=True)
        config = edit.config or before.config
        secrets = self._safe.change(
            SealedHeaders(before.secret_names, before.sealed), edit.secrets, before.config.url, config.url
        )
        self._check(config, list(secrets.names))
        after = replace(before, config=config, secret_names=secrets.names, sealed=secrets.sealed, updated_at=now)
        await queries.update_server(db, after, now)
        if config.url != before.config.url:  # the list of the previous server no longer applies
            await queries.mark_outdated(db, workspace_id, server_id)
        await _record(db, actor, "mcp_server.update", after, before=_audited(before), after=_audited(after))
        return after

    async def delete(self, db: Connection, workspace_id: UUID, actor: Actor, server_id: UUID) -> None:
        """Delete a server. Raises NotFound, and Conflict (code tool_in_use), which names the agents that use the
        server.
        """
        server = await self.get(db, workspace_id, server_id, lock=True)
        require_unused(await tools_queries.select_agents_of_mcp(db, workspace_id, server.name))
        await queries.delete_server(db, workspace_id, server_id)
        await _record(db, actor, "mcp_server.delete", server, before=_audited(server))

    async def prepare_listing(
        self, db: Connection, workspace_id: UUID, server_id: UUID
    ) -> Callable[[], Awaitable[ToolListing]]:
        """Return a function that requests the server's tool list. Call it without a database connection.

        Raises NotFound, Conflict (codes workspace_suspended, secrets_lost).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        return partial(list_tools, self._execution(await self.get(db, workspace_id, server_id)))

    async def save_listing(self, db: Connection, listing: ToolListing, now: datetime) -> McpServer:
        """Store the server's tool list, or why the request failed. Raises NotFound if the server was deleted
        meanwhile.
        """
        if listing.error is None:
            await queries.update_tools(db, listing.server, listing.tools, now)
        else:
            await queries.update_list_error(db, listing.server, listing.error, now)
        return await self.get(db, listing.server.workspace_id, listing.server.id)

    async def prepare_trial(
        self,
        db: Connection,
        workspace_id: UUID,
        actor: Actor,
        server_id: UUID,
        tool: str,
        arguments: Mapping[str, Any],
    ) -> Callable[[], Awaitable[str]]:
        """Return a function that calls the tool. Call it without a database connection.

        Raises NotFound (codes mcp_server_not_found, mcp_tool_not_found), Conflict. The returned function raises the
        errors of McpExecution.run.
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        server = await self.get(db, workspace_id, server_id)
        found = server.find_tool(tool)
        if found is None:
            raise NotFound("The server does not list this tool.", code="mcp_tool_not_found", param="tool")
        execution = self._execution(server)
        await _record(db, actor, "mcp_server.try", server, after={"tool": tool})
        return partial(execution.run, found, arguments, server.config.timeout_s)

    def listing(self, server: McpServer) -> Callable[[], Awaitable[ToolListing]]:
        """Return a function that requests the server's tool list, for the worker. Raises Conflict (code
        secrets_lost)."""
        return partial(list_tools, self._execution(server))

    def _execution(self, server: McpServer) -> McpExecution:
        return McpExecution(self.connections, server, self._safe.open(server.sealed))

    def _check(self, config: McpServerConfig, secret_names: list[str]) -> None:
        require_distinct(config.headers, secret_names)
        require_public(self.connections.guard, config.url)


async def _record(
    db: Connection,
    actor: Actor,
    action: str,
    server: McpServer,
    before: Values | None = None,
    after: Values | None = None,
) -> None:
    change = Change(action, "mcp_server", str(server.id), server.workspace_id, before=before, after=after)
    await record_change(db, actor, change)


def _audited(server: McpServer) -> dict[str, Any]:
    """Return the data for the audit log, without header values."""
    config = server.config.model_dump(mode="json", exclude={"headers"})
    return {"name": server.name, "config": config, "headers": sorted({*server.config.headers, *server.secret_names})}


async def try_tool(run: Callable[[], Awaitable[str]]) -> tuple[str | None, str | None]:
    """Run a trial. Return its result and None, or None and its error. Raises TooManyRequests (code busy)."""
    try:
        return await run(), None
    except (Conflict, Unavailable) as problem:
        return None, problem.message
