"""Asks an MCP server which tools it has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from control.tools.mcp_execution import McpExecution
from control.tools.mcp_port import McpCallLost, McpCallNotSent, McpRefused
from control.tools.model import ListedTool, McpServer
from control.tools.outside_text import clean
from control.tools.secret_headers import hide_secrets

LIST_S: Final = 10.0
LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class ToolListing:
    """What a server answered. error: why there is no list; None: there is one."""

    server: McpServer
    tools: Sequence[ListedTool] = ()
    error: str | None = None


async def list_tools(execution: McpExecution) -> ToolListing:
    """The list as it is now, or the reason against it. Raises TooManyRequests (code busy)."""
    server = execution.server
    try:
        return ToolListing(server, await execution.list_tools(LIST_S))
    except (McpCallNotSent, McpCallLost, McpRefused) as error:
        return ToolListing(server, error=clean(hide_secrets(f"{error}.", execution.secrets), LONGEST_ERROR))
