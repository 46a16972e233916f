"""Routes of MCP servers for workspace members."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from control.db.scope import enter_workspace
from control.http.access import member
from control.http.body import Body, ChangeBody
from control.http.context import Context, MemberContext
from control.http.fields import CreatedAt, Id, UpdatedAt, copy_fields
from control.http.pagination import HasMore
from control.http.responses.after_commit import AfterCommit
from control.http.route import RateLimit, Route
from control.tools.http_tools.routes import TRIALS
from control.tools.mcp_servers.rules import ListedTool, McpServer, McpServerConfig, model_name
from control.tools.mcp_servers.service import McpServerEdit, McpServers, try_tool
from control.tools.rules import SecretHeaders, ToolTitle

MCP_SERVERS: Final = "/workspaces/{workspaceId}/mcp-servers"
MCP_SERVER: Final = f"{MCP_SERVERS}/{{mcpServerId}}"
LISTINGS: Final = RateLimit("mcp-listings", 30, 600, per_user=True)
McpServerId = Annotated[UUID, Field(description="Id of the MCP server.")]


class NewMcpServer(Body):
    """An MCP server to add."""

    name: ToolTitle = Field(
        description="Name for agent configs, and prefix of the tools' names for the language model. Cannot be changed.",
        examples=["calendar"],
    )
    config: McpServerConfig = Field(description="Where the server is, and the limits of its tools.")
    secret_headers: SecretHeaders = Field(
        {},
        description="Secret headers, up to 20. Their values are never returned.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class McpServerChange(ChangeBody):
    """Changes to an MCP server. Omitted fields stay unchanged."""

    config: McpServerConfig | None = Field(None, description="The complete config. Null: unchanged.")
    secret_headers: SecretHeaders | None = Field(
        None,
        description="Replace all secret headers. Null: unchanged. A new host needs them again.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class McpToolArguments(Body):
    """A tool and its arguments, for a trial."""

    tool: str = Field(
        min_length=1,
        max_length=128,
        description="Name of the tool at the server.",
        examples=["get_current_time"],
    )
    arguments: dict[str, Any] = Field(
        {},
        max_length=100,
        description="Arguments that match the tool's schema.",
        examples=[{"timezone": "Europe/Paris"}],
    )


@dataclass(frozen=True, slots=True)
class McpToolView:
    """A tool of an MCP server."""

    name: Annotated[str, Field(description="Name of the tool at the server.", examples=["get_current_time"])]
    model_name: Annotated[str, Field(description="Name for the language model.", examples=["clock__get_current_time"])]
    description: Annotated[
        str,
        Field(
            description="The server's description of the tool.", examples=["Get current time in a specific timezone"]
        ),
    ]
    parameters: Annotated[
        dict[str, Any],
        Field(
            description="JSON Schema of the arguments, as the language model gets it.",
            examples=[{"type": "object", "properties": {}}],
        ),
    ]
    read_only: Annotated[
        bool,
        Field(description="Whether the server declares the tool as read-only, so that it may be repeated."),
    ]


@dataclass(frozen=True, slots=True)
class McpServerView:
    """An MCP server."""

    id: Id
    name: Annotated[str, Field(description="Name for agent configs.", examples=["clock"])]
    config: Annotated[McpServerConfig, Field(description="Where the server is, and the limits of its tools.")]
    secret_headers: Annotated[
        list[str],
        Field(
            description="Names of the secret headers. Their values are never returned.", examples=[["Authorization"]]
        ),
    ]
    tools: Annotated[list[McpToolView], Field(description="The tools of the server's last list.")]
    listed_at: Annotated[datetime | None, Field(description="When the server returned the list (UTC). Null: never.")]
    list_error: Annotated[
        str | None,
        Field(
            description="Why the last request for the list failed. Null if it did not fail.",
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

    mcp_servers: Annotated[list[McpServerView], Field(description="The servers, ordered by name.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class McpTrialAnswer:
    """The outcome of a trial."""

    result: Annotated[
        str | None,
        Field(
            description="The text that a language model would get. Null if there is an error.",
            examples=['[Begin of outside data from check_stock]\n{"free": 3}\n[End of outside data]'],
        ),
    ]
    error: Annotated[
        str | None,
        Field(
            description="The error that a language model would get. Null if there is a result.",
            examples=["clock__get_current_time did not answer."],
        ),
    ]


async def list_mcp_servers(context: MemberContext) -> McpServerList:
    """List the workspace's MCP servers with their tools, by name.

    A workspace has at most 20 MCP servers.
    """
    found = await context.services[McpServers].list_all(context.db, context.workspace_id)
    return McpServerList([to_server(server) for server in found], has_more=False)


async def create_mcp_server(context: MemberContext, body: NewMcpServer) -> McpServerAnswer:
    """Add an MCP server.

    Its tools are listed by `POST …/refresh`, or automatically within a minute.
    """
    server = await context.services[McpServers].create(
        context.db,
        context.workspace_id,
        context.actor,
        body.name,
        McpServerEdit(body.config, body.secret_headers),
        context.now,
    )
    return McpServerAnswer(to_server(server))


async def get_mcp_server(context: MemberContext, mcp_server_id: McpServerId) -> McpServerAnswer:
    """Return an MCP server with its tools, without the values of its secret headers."""
    server = await context.services[McpServers].get(context.db, context.workspace_id, mcp_server_id)
    return McpServerAnswer(to_server(server))


async def change_mcp_server(
    context: MemberContext, mcp_server_id: McpServerId, body: McpServerChange
) -> McpServerAnswer:
    """Change an MCP server. The tool list stays until it is requested again."""
    server = await context.services[McpServers].update(
        context.db,
        context.workspace_id,
        context.actor,
        mcp_server_id,
        McpServerEdit(body.config, body.secret_headers),
        context.now,
    )
    return McpServerAnswer(to_server(server))


async def delete_mcp_server(context: MemberContext, mcp_server_id: McpServerId) -> None:
    """Delete an MCP server that no agent uses."""
    await context.services[McpServers].delete(context.db, context.workspace_id, context.actor, mcp_server_id)


async def refresh_mcp_server(context: MemberContext, mcp_server_id: McpServerId) -> AfterCommit[McpServerAnswer]:
    """Request the server's tool list.

    If the request fails, `list_error` has the reason, and the last list is kept.
    """
    ask = await context.services[McpServers].prepare_listing(context.db, context.workspace_id, mcp_server_id)
    workspace_id = context.workspace_id

    async def work() -> Any:
        return await ask()

    async def save(context: Context, listing: Any) -> McpServerAnswer:
        await enter_workspace(context.db, workspace_id)
        return McpServerAnswer(
            to_server(await context.services[McpServers].save_listing(context.db, listing, context.now))
        )

    return AfterCommit(work, save)


async def try_mcp_tool(
    context: MemberContext, mcp_server_id: McpServerId, body: McpToolArguments
) -> AfterCommit[McpTrialAnswer]:
    """Test a tool of the server with a real call, and return the text that a language model would get."""
    run = await context.services[McpServers].prepare_trial(
        context.db, context.workspace_id, context.actor, mcp_server_id, body.tool, body.arguments
    )

    async def work() -> McpTrialAnswer:
        return McpTrialAnswer(*await try_tool(run))

    return AfterCommit(work)


def to_server(server: McpServer) -> McpServerView:
    tools = [_to_tool(server.name, tool) for tool in server.tools]
    return copy_fields(McpServerView, server, secret_headers=list(server.secret_names), tools=tools)


def _to_tool(server: str, tool: ListedTool) -> McpToolView:
    return McpToolView(tool.name, model_name(server, tool.name), tool.description, tool.parameters, tool.is_read_only)


# Errors that several operations can return.
_TOOL_CONFIG_ERRORS: Final = ("409 workspace_suspended", "422 address_refused", "422 header_twice")

ROUTES: tuple[Route, ...] = (
    Route("GET", MCP_SERVERS, list_mcp_servers, member("viewer", "tools:read"), beyond_spec=True),
    Route(
        "POST",
        MCP_SERVERS,
        create_mcp_server,
        member("admin", "tools:write"),
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=(*_TOOL_CONFIG_ERRORS, "409 mcp_server_limit", "409 server_name_taken"),
    ),
    Route(
        "GET",
        MCP_SERVER,
        get_mcp_server,
        member("viewer", "tools:read"),
        beyond_spec=True,
        errors=("404 mcp_server_not_found",),
    ),
    Route(
        "PUT",
        MCP_SERVER,
        change_mcp_server,
        member("admin", "tools:write"),
        beyond_spec=True,
        errors=("404 mcp_server_not_found", *_TOOL_CONFIG_ERRORS, "422 secrets_missing"),
    ),
    Route(
        "DELETE",
        MCP_SERVER,
        delete_mcp_server,
        member("admin", "tools:write"),
        beyond_spec=True,
        errors=("404 mcp_server_not_found", "409 tool_in_use"),
    ),
    Route(
        "POST",
        f"{MCP_SERVER}/refresh",
        refresh_mcp_server,
        member("admin", "tools:write"),
        limit=LISTINGS,
        beyond_spec=True,
        errors=("404 mcp_server_not_found", "409 workspace_suspended", "409 secrets_lost", "429 busy"),
    ),
    Route(
        "POST",
        f"{MCP_SERVER}/try",
        try_mcp_tool,
        member("admin", "tools:write"),
        limit=TRIALS,
        beyond_spec=True,
        errors=(
            "404 mcp_server_not_found",
            "404 mcp_tool_not_found",
            "409 workspace_suspended",
            "409 secrets_lost",
            "429 busy",
        ),
    ),
)
