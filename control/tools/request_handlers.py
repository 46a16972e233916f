"""Runs the workspace's tools that running calls ask for: finds the tool by the call's own list, and bounds each run."""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.media_requests.handlers import HandlerContext, MediaRequestHandler, RunningCall, TenantTransactions
from control.tools import read_tool_use, store_http_tools, store_mcp_servers
from control.tools.argument_schema import parse_arguments, require_arguments
from control.tools.http_client import ToolHttpClient
from control.tools.http_execution import HttpExecution
from control.tools.http_request import make_request
from control.tools.mcp_connections import McpConnections
from control.tools.mcp_execution import McpExecution
from control.tools.model import HttpTool, ListedTool, McpServer, model_name
from control.tools.secret_headers import HeaderSafe
from shared.bus.requests import TOOL_REQUEST
from shared.errors import Conflict
from shared.secrets import Sealer

# Of the request's time, for storing the outcome and its way back to the call.
MARGIN_S: Final = 0.5
CALL_LIMIT: Final = "tool_call_limit"

Answer = Callable[[HandlerContext], Awaitable[str]]


class WorkspaceToolHandlers:
    """A HandlerFinder. A tool that the call's agent does not list is not found, whatever the call asks for."""

    def __init__(self, sealer: Sealer, client: ToolHttpClient, connections: McpConnections) -> None:
        self._safe, self._client, self._connections = HeaderSafe(sealer), client, connections
        self._changed: set[UUID] = set()
        connections.report_change = self._changed.add

    async def find(self, name: str, call: RunningCall, transactions: TenantTransactions) -> MediaRequestHandler | None:
        """The handler of the request `name`; None for no tool of this call. Its runs are stored also where they only
        read, so that they can be counted. Raises Unavailable."""
        if not name.startswith(TOOL_REQUEST):
            return None
        wanted = name.removeprefix(TOOL_REQUEST)
        return await transactions.run(call.workspace_id, partial(self._find, wanted, call))

    async def _find(self, name: str, call: RunningCall, db: Connection) -> MediaRequestHandler | None:
        http, mcp = await read_tool_use.select_calls_tools(db, call.workspace_id, call.id)
        if name in http:
            tool = await store_http_tools.select_by_name(db, call.workspace_id, name)
            return None if tool is None else self._handle_http(tool)
        for choice in mcp:
            for allowed in choice["tools"]:
                if model_name(choice["server"], allowed) == name:
                    return await self._find_mcp(db, call.workspace_id, choice["server"], allowed)
        return None

    async def _find_mcp(self, db: Connection, workspace_id: UUID, name: str, tool: str) -> MediaRequestHandler | None:
        """Also has the worker ask a server again that has said that its list is another one: before the tool is used,
        so that a failure of the database never hides a booking that was made."""
        server = await store_mcp_servers.select_by_name(db, workspace_id, name)
        if server is None:
            return None
        if server.id in self._changed:
            await store_mcp_servers.mark_outdated(db, workspace_id, server.id)
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
    """The handler of a tool that a call may use `most` times. Its runs are stored, so that they can be counted."""

    async def bounded(context: HandlerContext) -> Any:
        call = context.call
        runs = await context.in_transaction(
            lambda db: read_tool_use.count_runs(db, call.workspace_id, call.id, TOOL_REQUEST + name)
        )
        if runs > most:
            raise Conflict(f"A call may use {name} {most} times at most.", code=CALL_LIMIT)
        return await answer(context)

    return MediaRequestHandler(bounded, effect="repeatable" if is_read_only else "once")


def limit_run_s(context: HandlerContext, timeout_s: float) -> float:
    """Seconds for what lies outside, so that the outcome can still be stored and told."""
    return max(min(timeout_s, context.left_s - MARGIN_S), 0.0)
