"""The tools of a workspace in calls: in a call's plan, and run when the call asks for one."""

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

# -- In a call's plan --

# Added to the limit of the request itself, for the bus and transactions.
OVERHEAD_S: Final = 2.0


def plan_http_tools(rows: Sequence[Mapping[str, Any]], names: Sequence[str]) -> Iterator[ToolPlan]:
    """Yields the HTTP tools of an agent for its call's plan.

    Args:
        rows: Names with configs, as the query of the answering agent selects them.
        names: As the agent lists them. A name that the workspace does not have is left out, because a call must not
            fail for it.
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
    """From the lists that are stored: a server that is away delays no call.

    Args:
        rows: Servers with configs and tools.
        allowed: Names of tools by server; one that its server did not list is left out.
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


# -- Run in a call --

# Reserved from the request's time for storing the outcome and sending it to the call.
MARGIN_S: Final = 0.5
CALL_LIMIT: Final = "tool_call_limit"
Answer = Callable[[HandlerContext], Awaitable[str]]


class WorkspaceToolHandlers:
    """A HandlerFinder. It finds only tools that the agent of the call lists."""

    def __init__(self, sealer: Sealer, client: ToolHttpClient, connections: McpConnections) -> None:
        self._safe, self._client, self._connections = HeaderSafe(sealer), client, connections
        self._changed: set[UUID] = set()
        connections.report_change = self._changed.add

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """Returns the handler of the request `name`; None for no tool of this call.

        Its runs are stored also where they only read, so that they can be counted. Raises Unavailable.
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
        """Also has the worker ask a server again that has said that its list is another one: before the tool is used,
        so that a failure of the database never hides a booking that was made."""
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
    """Returns the handler of a tool that a call may use `most` times.

    Its runs are stored, so that they can be counted.
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
    """Returns the seconds for the request to the outside, so that the outcome can still be stored and reported."""
    return max(min(timeout_s, context.left_s - MARGIN_S), 0.0)


# -- Composition --


@dataclass(frozen=True, slots=True)
class ToolServices:
    """The services of tools.

    Attributes:
        http, mcp: For the API.
        handlers: For requests of running calls.
        connections: To be closed at the end.
    """

    http: HttpTools
    mcp: McpServers
    handlers: WorkspaceToolHandlers
    connections: McpConnections

    async def prepare(self, pool: Pool) -> None:
        """Does at the start of a process what would delay the first calls. Raises as `Pool.transaction`."""
        async with pool.transaction() as db:
            await enter_platform(db)
            is_needed = await mcp_servers_queries.has_servers(db)
        if is_needed:
            await self.connections.load_library()


def make_tools(workspaces: Workspaces, sealer: Sealer, guard: EgressGuard, reserved: Collection[str]) -> ToolServices:
    """Makes the services.

    Args:
        guard: Of customers' addresses.
        reserved: Names of the platform's own tools.
    """
    client, connections = ToolHttpClient(guard), McpConnections(guard)
    return ToolServices(
        HttpTools(workspaces, sealer, client, reserved),
        McpServers(workspaces, sealer, connections),
        WorkspaceToolHandlers(sealer, client, connections),
        connections,
    )
