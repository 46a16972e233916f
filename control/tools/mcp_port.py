"""What the rest of the room knows of a session with an MCP server, without the library for it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from control.tools.model import ListedTool


class McpCallNotSent(Exception):
    """There is no session, so nothing was done. The message says why, without addresses of ours."""


class McpCallLost(Exception):
    """The request may have been carried out, and there is no answer."""


class McpRefused(Exception):
    """The server knows no such tool, or refuses the arguments. The message is the server's."""


@dataclass(frozen=True, slots=True)
class McpAddress:
    """Where a server is. headers: with secrets. owner: the workspace, whose name servers may be slow."""

    url: str
    headers: Mapping[str, str] = field(repr=False)
    owner: str = ""


@dataclass(frozen=True, slots=True)
class McpAnswer:
    """text: of any length, as the server sent it. is_error: the tool failed, and the text says why."""

    text: str
    is_error: bool


class McpRequests(Protocol):
    """An open session."""

    async def list_tools(self) -> list[ListedTool]:
        """Raises McpCallLost, McpRefused."""

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> McpAnswer:
        """Raises McpCallNotSent, McpCallLost, McpRefused."""
