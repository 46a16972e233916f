"""A workspace's tools in calls: adds them to call plans and runs them on a call's request."""

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RunningCall, TenantTransactions
from control.tools import queries
from control.tools.argument_schema import parse_arguments, require_arguments
from control.tools.http_tools import queries as http_tools_queries
from control.tools.http_tools.execution import HttpExecution, ToolHttpClient, make_request
from control.tools.http_tools.rules import HttpTool
from control.tools.http_tools.service import HttpTools
from control.tools.mcp_servers import queries as mcp_servers_queries
from control.tools.mcp_servers.execution import McpConnections, McpExecution
from control.tools.mcp_servers.queries import read_tools
from control.tools.mcp_servers.rules import ListedTool, McpServer, model_name
from control.tools.mcp_servers.service import McpServers
from control.tools.rules import HeaderSafe
from control.workspaces.service import Workspaces
from shared.bus.requests import TOOL_REQUEST
from shared.egress import EgressGuard
from shared.errors import Conflict
from shared.plan import ToolPlan
from shared.secrets import Sealer

# -- Tools in a call plan --

# Seconds added to the request's own limit, for the bus and transactions.
OVERHEAD_S: Final = 2.0


def plan_http_tools(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[ToolPlan]:
    """Yield the HTTP tools of an agent for its call plan.

    Args:
        rows: Names with configs, as selected by the query of the answering agent.
        names: Names from the agent's config. Unknown names are left out, because a call must not fail because of them.
    """
    configs = {row["name"]: row["config"] for row in rows}
    for name in names:
        if (config := configs.get(name)) is not None:
            yield ToolPlan(
                name,
                config["description"],
                config["parameters"],
                timeout_s=config["timeout_s"] + OVERHEAD_S,
                filler=config["filler"],
                repeatable=config["read_only"],
                remote=True,
            )


def plan_mcp_tools(rows: Sequence[Mapping[str, Any]], allowed: Mapping[str, Sequence[str]]) -> Iterator[ToolPlan]:
    """Yield the MCP tools of an agent for its call plan.

    Uses the stored lists, so that an unreachable server does not delay a call.

    Args:
        rows: Servers with configs and tools.
        allowed: Names of tools by server. Tools that the server did not list are left out.
    """
    servers = {row["name"]: row for row in rows}
    for server, names in allowed.items():
        if (row := servers.get(server)) is not None:
            listed = {tool.name: tool for tool in read_tools(row["tools"])}
            found = [listed[name] for name in names if name in listed]
            yield from (_plan(server, tool, row["config"]["timeout_s"]) for tool in found)


def _plan(server: str, tool: ListedTool, timeout_s: float) -> ToolPlan:
    return ToolPlan(
        model_name(server, tool.name),
        tool.description,
        tool.parameters,
        timeout_s=timeout_s + OVERHEAD_S,
        repeatable=tool.is_read_only,
        remote=True,
    )


# -- Running tools in a call --

# Seconds reserved for storing the outcome and sending it to the call.
MARGIN_S: Final = 0.5
CALL_LIMIT: Final = "tool_call_limit"
Answer = Callable[[HandlerContext], Awaitable[str]]


class WorkspaceToolHandlers:
    """Finds the handlers of tool requests. Implements HandlerFinder. Only tools in the config of the call's agent are
    found.
    """

    def __init__(self, sealer: Sealer, client: ToolHttpClient, connections: McpConnections) -> None:
        self._safe, self._client, self._connections = HeaderSafe(sealer), client, connections
        self._changed: set[UUID] = set()
        connections.report_change = self._changed.add

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Return the handler of the request `name`, or None if the call has no such tool.

        All runs are stored so that they can be counted, even if the tool only reads. Raises Unavailable.
        """
        if not name.startswith(TOOL_REQUEST):
            return None
        wanted = name.removeprefix(TOOL_REQUEST)
        return await transactions.run(call.workspace_id, partial(self._find, wanted, call))

    async def _find(self, name: str, call: RunningCall, db: Connection) -> MediaRequestHandler | None:
        http, mcp = await queries.select_tools_of_call(db, call.workspace_id, call.id)
        if name in http:
            tool = await http_tools_queries.select_by_name(db, call.workspace_id, name)
            return None if tool is None else self._handle_http(tool)
        for choice in mcp:
            for allowed in choice["tools"]:
                if model_name(choice["server"], allowed) == name:
                    return await self._find_mcp(db, call.workspace_id, choice["server"], allowed)
        return None

    async def _find_mcp(self, db: Connection, workspace_id: UUID, name: str, tool: str) -> MediaRequestHandler | None:
        """Return the handler of an MCP tool, or None.

        If the server has reported a changed tool list, the list is marked for a refresh. This happens before the tool
        runs, so that a database failure never hides a completed booking.
        """
        server = await mcp_servers_queries.select_by_name(db, workspace_id, name)
        if server is None:
            return None
        if server.id in self._changed:
            await mcp_servers_queries.mark_outdated(db, workspace_id, server.id)
            self._changed.discard(server.id)
        listed = server.find_tool(tool)
        return None if listed is None else self._handle_mcp(server, listed)

    def _handle_http(self, tool: HttpTool) -> MediaRequestHandler:
        async def answer(context: HandlerContext) -> str:
            arguments = parse_arguments(context.arguments)
            require_arguments(tool.config.parameters, arguments)
            secrets = self._safe.open(tool.sealed)
            request = make_request(tool.config, secrets, arguments, context.run_id)
            execution = HttpExecution(self._client, tool.name, tool.config, str(tool.workspace_id), secrets)
            return await execution.run(request, limit_run_s(context, tool.config.timeout_s))

        return make_bounded_handler(answer, tool.name, tool.config.max_calls, is_read_only=tool.config.read_only)

    def _handle_mcp(self, server: McpServer, tool: ListedTool) -> MediaRequestHandler:
        name = model_name(server.name, tool.name)

        async def answer(context: HandlerContext) -> str:
            arguments = parse_arguments(context.arguments)
            execution = McpExecution(self._connections, server, self._safe.open(server.sealed))
            return await execution.run(tool, arguments, limit_run_s(context, server.config.timeout_s))

        return make_bounded_handler(answer, name, server.config.max_calls, is_read_only=tool.is_read_only)


def make_bounded_handler(answer: Answer, name: str, most: int, *, is_read_only: bool) -> MediaRequestHandler:
    """Return the handler of a tool that a call may use `most` times.

    Its runs are stored so that they can be counted.
    """

    async def bounded(context: HandlerContext) -> Any:
        call = context.call
        runs = await context.in_transaction(
            lambda db: queries.count_runs(db, call.workspace_id, call.id, TOOL_REQUEST + name)
        )
        if runs > most:
            raise Conflict(f"A call may use {name} {most} times at most.", code=CALL_LIMIT)
        return await answer(context)

    return MediaRequestHandler(bounded, effect="repeatable" if is_read_only else "once")


def limit_run_s(context: HandlerContext, timeout_s: float) -> float:
    """Return the seconds for the outside request, which leave time to store and report the outcome."""
    return max(min(timeout_s, context.left_s - MARGIN_S), 0.0)


# -- Composition --


@dataclass(frozen=True, slots=True)
class ToolServices:
    """The services of tools.

    Attributes:
        http: HTTP tools, for the API.
        mcp: MCP servers, for the API.
        handlers: Handlers of requests from running calls.
        connections: Sessions to close at shutdown.
    """

    http: HttpTools
    mcp: McpServers
    handlers: WorkspaceToolHandlers
    connections: McpConnections

    async def prepare(self, pool: Pool) -> None:
        """Prepare what would delay the first calls. Call this at process start. Raises the errors of
        `Pool.transaction`.
        """
        async with pool.transaction() as db:
            await enter_platform(db)
            is_needed = await mcp_servers_queries.has_servers(db)
        if is_needed:
            await self.connections.load_library()


def make_tools(workspaces: Workspaces, sealer: Sealer, guard: EgressGuard, reserved: Collection[str]) -> ToolServices:
    """Create the services.

    Args:
        guard: Checks customers' addresses.
        reserved: Names of the platform's own tools.
    """
    client, connections = ToolHttpClient(guard), McpConnections(guard)
    return ToolServices(
        HttpTools(workspaces, sealer, client, reserved),
        McpServers(workspaces, sealer, connections),
        WorkspaceToolHandlers(sealer, client, connections),
        connections,
    )
