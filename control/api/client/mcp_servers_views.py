"""Response models of MCP servers (client API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore
from control.tools.mcp_servers.rules import ListedTool, McpServer, McpServerConfig, model_name


@dataclass(frozen=True, slots=True)
class McpToolView:
    """A tool of an MCP server."""

    name: Annotated[str, Field(description="Name of the tool, as the server lists it.", examples=["get_current_time"])]
    model_name: Annotated[
        str, Field(description="Its name for the language model.", examples=["clock__get_current_time"])
    ]
    description: Annotated[
        str,
        Field(description="What the server says of the tool.", examples=["Get current time in a specific timezone"]),
    ]
    parameters: Annotated[
        dict[str, Any],
        Field(
            description="JSON Schema of its arguments, as the language model gets it.",
            examples=[{"type": "object", "properties": {}}],
        ),
    ]
    read_only: Annotated[
        bool,
        Field(
            description="It changes nothing, the server says; so it may be used again when nobody knows whether it was."
        ),
    ]


@dataclass(frozen=True, slots=True)
class McpServerView:
    """An MCP server."""

    id: Id
    name: Annotated[str, Field(description="Name for configs of agents.", examples=["clock"])]
    config: Annotated[McpServerConfig, Field(description="Where the server is, and the limits of its tools.")]
    secret_headers: Annotated[
        list[str],
        Field(
            description="Names of the headers whose values are stored and never shown.", examples=[["Authorization"]]
        ),
    ]
    tools: Annotated[list[McpToolView], Field(description="Its tools, as it listed them last.")]
    listed_at: Annotated[datetime | None, Field(description="When it listed them (UTC); null: it never did.")]
    list_error: Annotated[
        str | None,
        Field(
            description="Why it did not when it was asked last; null: it did, or was never asked.",
            examples=["there was no answer within 10 s."],
        ),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class McpServerAnswer:
    """An MCP server."""

    mcp_server: Annotated[McpServerView, Field(description="The server.")]


@dataclass(frozen=True, slots=True)
class McpServerList:
    """The workspace's MCP servers."""

    mcp_servers: Annotated[list[McpServerView], Field(description="The servers, by name.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class McpTrialAnswer:
    """What became of a trial."""

    result: Annotated[
        str | None,
        Field(
            description="What a language model would read; null with an error.",
            examples=['[Begin of outside data from check_stock]\n{"free": 3}\n[End of outside data]'],
        ),
    ]
    error: Annotated[
        str | None,
        Field(
            description="What a language model would be told instead; null with a result.",
            examples=["clock__get_current_time did not answer."],
        ),
    ]


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
