"""Uses a tool of an MCP server: one call, once more where that does no harm, and the result for a language model."""

import asyncio
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final

from control.tools.argument_schema import restore_names
from control.tools.http_execution import REFUSED, UNREACHABLE
from control.tools.mcp_connections import McpConnections, SessionKey
from control.tools.mcp_port import McpAddress, McpAnswer, McpCallLost, McpCallNotSent, McpRefused, McpRequests
from control.tools.model import ListedTool, McpServer, model_name
from control.tools.outside_text import mark_outside
from control.tools.secret_headers import hide_secrets
from shared.errors import Conflict, Unavailable

LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class McpExecution:
    """A use of a tool. secrets: of the headers, hidden in what comes back."""

    connections: McpConnections
    server: McpServer
    secrets: Mapping[str, str] = field(repr=False)

    async def run(self, tool: ListedTool, arguments: Mapping[str, Any], timeout_s: float) -> str:
        """The result, marked as outside data. Raises Conflict (codes tool_refused, tool_unreachable), Unavailable: it
        is not known whether it was done; TooManyRequests (code busy)."""
        name = model_name(self.server.name, tool.name)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._call(tool, arguments)
        except McpCallNotSent as error:
            raise Conflict(f"{name} cannot be reached: {error}. Nothing was done.", code=UNREACHABLE) from None
        except McpRefused as error:
            text = self._marked(str(error), name, LONGEST_REASON)
            raise Conflict(f"{name} was refused by its server.\n{text}", code=REFUSED) from None
        except (McpCallLost, TimeoutError) as error:
            reason = str(error) or f"there was no answer within {timeout_s:g} s"
            if tool.is_read_only:
                raise Conflict(f"{name} did not answer: {reason}.", code=UNREACHABLE) from None
            raise Unavailable(f"{name} did not answer: {reason}.") from None
        return self._result(name, answer)

    async def list_tools(self, timeout_s: float) -> list[ListedTool]:
        """What the server lists now. Raises McpCallNotSent, McpCallLost, McpRefused, TooManyRequests."""
        try:
            async with asyncio.timeout(timeout_s), self._connected() as session:
                return await session.list_tools()
        except TimeoutError:
            raise McpCallLost(f"there was no answer within {timeout_s:g} s") from None

    async def _call(self, tool: ListedTool, arguments: Mapping[str, Any]) -> McpAnswer:
        """A session that has broken is replaced, and the call sent again if it was not carried out, or may be twice."""
        try:
            return await self._call_once(tool, arguments)
        except McpCallNotSent:
            pass
        except McpCallLost:
            if not tool.is_read_only:
                raise
        return await self._call_once(tool, arguments)

    async def _call_once(self, tool: ListedTool, arguments: Mapping[str, Any]) -> McpAnswer:
        async with self._connected() as session:
            return await session.call_tool(tool.name, restore_names(arguments, tool.names))

    def _connected(self) -> AbstractAsyncContextManager[McpRequests]:
        headers = {**self.server.config.headers, **self.secrets}
        address = McpAddress(self.server.config.url, headers, str(self.server.workspace_id))
        return self.connections.session(self._key, address)

    @property
    def _key(self) -> SessionKey:
        return self.server.id, self.server.updated_at.isoformat()

    def _result(self, name: str, answer: McpAnswer) -> str:
        text = self._marked(answer.text, name, self.server.config.max_result_chars)
        if answer.is_error:
            raise Conflict(f"{name} failed.\n{text}", code=REFUSED)
        return text

    def _marked(self, text: str, name: str, most: int) -> str:
        return mark_outside(hide_secrets(text, self.secrets), name, most)
