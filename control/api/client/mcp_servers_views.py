"""Response models of MCP servers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from control.http.pagination import HasMore
from control.tools.mcp_config import McpServerConfig
from control.tools.model import ListedTool, McpServer, model_name


@dataclass(frozen=True, slots=True)
class McpToolView:
    """A tool of an MCP server.

    name: Name of the tool, as the server lists it.
    model_name: Its name for the language model.
    description: What the server says of it.
    parameters: JSON Schema of its arguments, as the language model gets it.
    read_only: It changes nothing, the server says; so it may be used again when nobody knows whether it was.
    """

    name: str
    model_name: str
    description: str
    parameters: dict[str, Any]
    read_only: bool


@dataclass(frozen=True, slots=True)
class McpServerView:
    """An MCP server.

    name: Name for configs of agents.
    config: Where the server is, and the limits of its tools.
    secret_headers: Names of the headers whose values are stored and never shown.
    tools: Its tools, as it listed them last.
    listed_at: When it listed them (UTC); null: it never did.
    list_error: Why it did not when it was asked last; null: it did, or was never asked.
    """

    id: UUID
    name: str
    config: McpServerConfig
    secret_headers: list[str]
    tools: list[McpToolView]
    listed_at: datetime | None
    list_error: str | None
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class McpServerAnswer:
    """An MCP server.

    mcp_server: The server.
    """

    mcp_server: McpServerView


@dataclass(frozen=True, slots=True)
class McpServerList:
    """The workspace's MCP servers.

    mcp_servers: The servers, by name.
    """

    mcp_servers: list[McpServerView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class McpTrialAnswer:
    """What became of a trial.

    result: What a language model would read; null with an error.
    error: What it would be told instead; null with a result.
    """

    result: str | None
    error: str | None


def to_server(server: McpServer) -> McpServerView:
    return McpServerView(
        id=server.id,
        name=server.name,
        config=server.config,
        secret_headers=list(server.secret_names),
        tools=[_to_tool(server.name, tool) for tool in server.tools],
        listed_at=server.listed_at,
        list_error=server.list_error,
        created_at=server.created_at,
        updated_at=server.updated_at,
    )


def _to_tool(server: str, tool: ListedTool) -> McpToolView:
    return McpToolView(tool.name, model_name(server, tool.name), tool.description, tool.parameters, tool.is_read_only)
