"""Routes of HTTP tools for workspace members."""

from dataclasses import dataclass
from typing import Annotated, Any, Final
from uuid import UUID

from pydantic import Field

from control.http.access import member
from control.http.body import Body, ChangeBody
from control.http.context import MemberContext
from control.http.fields import CreatedAt, Id, UpdatedAt, copy_fields
from control.http.pagination import HasMore
from control.http.responses.after_commit import AfterCommit
from control.http.route import RateLimit, Route
from control.tools.http_tools.execution import HttpTrial
from control.tools.http_tools.rules import HttpTool, HttpToolConfig
from control.tools.http_tools.service import HttpToolEdit, HttpTools
from control.tools.rules import SecretHeaders, ToolTitle

HTTP_TOOLS: Final = "/workspaces/{workspaceId}/http-tools"
HTTP_TOOL: Final = f"{HTTP_TOOLS}/{{httpToolId}}"
# Rate limited, because each trial sends a request to a host that a customer chose.
TRIALS: Final = RateLimit("tool-trials", 30, 600, per_user=True)
HttpToolId = Annotated[UUID, Field(description="Id of the HTTP tool.")]


class NewHttpTool(Body):
    """An HTTP tool to create."""

    name: ToolTitle = Field(
        description="Name for the language model and for agent configs. Cannot be changed.", examples=["check_stock"]
    )
    config: HttpToolConfig = Field(description="Description, request and result of the tool.")
    secret_headers: SecretHeaders = Field(
        {},
        description="Secret headers, up to 20. Their values are never returned.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class HttpToolChange(ChangeBody):
    """Changes to an HTTP tool. Omitted fields stay unchanged."""

    config: HttpToolConfig | None = Field(None, description="The complete config. Null: unchanged.")
    secret_headers: SecretHeaders | None = Field(
        None,
        description="Replace all secret headers. Null: unchanged. A new host needs them again.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class HttpToolArguments(Body):
    """Arguments for a trial of a tool."""

    arguments: dict[str, Any] = Field(
        {}, max_length=100, description="Arguments that match the tool's schema.", examples=[{"sku": "A-17"}]
    )


@dataclass(frozen=True, slots=True)
class HttpToolView:
    """An HTTP tool."""

    id: Id
    name: Annotated[
        str, Field(description="Name for the language model and for agent configs.", examples=["check_stock"])
    ]
    config: Annotated[HttpToolConfig, Field(description="Description, request and result of the tool.")]
    secret_headers: Annotated[
        list[str],
        Field(
            description="Names of the secret headers. Their values are never returned.", examples=[["Authorization"]]
        ),
    ]
    name_reserved: Annotated[
        bool,
        Field(
            description="The platform has a tool of this name since, and agents do not get this one: make it "
            "under another."
        ),
    ]
    created_at: CreatedAt
    updated_at: UpdatedAt


@dataclass(frozen=True, slots=True)
class HttpToolAnswer:
    """An HTTP tool."""

    http_tool: Annotated[HttpToolView, Field(description="The tool.")]


@dataclass(frozen=True, slots=True)
class HttpToolList:
    """The workspace's HTTP tools."""

    http_tools: Annotated[list[HttpToolView], Field(description="The tools, ordered by name.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class SentRequestView:
    """The request that a trial sent."""

    method: Annotated[str, Field(description="Method of the request.", examples=["GET"])]
    url: Annotated[
        str,
        Field(description="Address with the arguments.", examples=["https://api.example.com/stock?sku=A-17"]),
    ]
    headers: Annotated[
        dict[str, str],
        Field(description="Headers. Secret values are masked.", examples=[{"Authorization": "***"}]),
    ]
    body: Annotated[str | None, Field(description="JSON body. Null: no body.", examples=['{"sku": "A-17"}'])]


@dataclass(frozen=True, slots=True)
class ReceivedAnswerView:
    """The answer that a trial received."""

    status: Annotated[int, Field(description="HTTP status.", examples=[200])]
    content_type: Annotated[str, Field(description="Content type without parameters.", examples=["application/json"])]
    body: Annotated[
        str,
        Field(
            description="First 20,000 characters of the body. The tool's secrets are masked.",
            examples=['{"stock": {"free": 3}}'],
        ),
    ]
    is_cut: Annotated[bool, Field(description="Whether the body is longer than what was read.")]


@dataclass(frozen=True, slots=True)
class HttpToolTrialAnswer:
    """The outcome of a trial."""

    request: Annotated[SentRequestView, Field(description="The request that was sent.")]
    response: Annotated[
        ReceivedAnswerView | None, Field(description="The answer. Null: no complete answer was received.")
    ]
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
            examples=["there was no whole answer within 8 s."],
        ),
    ]
    took_ms: Annotated[int, Field(description="Milliseconds.", examples=[240])]


async def list_http_tools(context: MemberContext) -> HttpToolList:
    """List the workspace's HTTP tools, by name.

    A workspace has at most 50 HTTP tools.
    """
    found = await context.services[HttpTools].list_all(context.db, context.workspace_id)
    return HttpToolList([_to_view(context, tool) for tool in found], has_more=False)


async def create_http_tool(context: MemberContext, body: NewHttpTool) -> HttpToolAnswer:
    """Create an HTTP tool. Agents use the tool once their config names it."""
    edit = HttpToolEdit(body.config, body.secret_headers)
    tool = await context.services[HttpTools].create(
        context.db, context.workspace_id, context.actor, body.name, edit, context.now
    )
    return HttpToolAnswer(_to_view(context, tool))


async def get_http_tool(context: MemberContext, http_tool_id: HttpToolId) -> HttpToolAnswer:
    """Return an HTTP tool without the values of its secret headers."""
    return HttpToolAnswer(
        _to_view(context, await context.services[HttpTools].get(context.db, context.workspace_id, http_tool_id))
    )


async def change_http_tool(context: MemberContext, http_tool_id: HttpToolId, body: HttpToolChange) -> HttpToolAnswer:
    """Change an HTTP tool.

    Running calls use the new config for their next requests, but their language model keeps the previous description.
    """
    edit = HttpToolEdit(body.config, body.secret_headers)
    tool = await context.services[HttpTools].update(
        context.db, context.workspace_id, context.actor, http_tool_id, edit, context.now
    )
    return HttpToolAnswer(_to_view(context, tool))


async def delete_http_tool(context: MemberContext, http_tool_id: HttpToolId) -> None:
    """Delete an HTTP tool that no agent uses."""
    await context.services[HttpTools].delete(context.db, context.workspace_id, context.actor, http_tool_id)


async def try_http_tool(
    context: MemberContext, http_tool_id: HttpToolId, body: HttpToolArguments
) -> AfterCommit[HttpToolTrialAnswer]:
    """Test an HTTP tool with a real request.

    Returns the request, the answer, and the text that a language model would get.
    """
    send = await context.services[HttpTools].prepare_trial(
        context.db, context.workspace_id, context.actor, http_tool_id, body.arguments
    )

    async def work() -> HttpToolTrialAnswer:
        return to_trial(await send())

    return AfterCommit(work)


def _to_view(context: MemberContext, tool: HttpTool) -> HttpToolView:
    return to_tool_view(tool, is_reserved=tool.name in context.services[HttpTools].reserved)


def to_tool_view(tool: HttpTool, *, is_reserved: bool) -> HttpToolView:
    return copy_fields(HttpToolView, tool, secret_headers=list(tool.secret_names), name_reserved=is_reserved)


def to_trial(trial: HttpTrial) -> HttpToolTrialAnswer:
    sent, got = trial.request, trial.answer
    request = SentRequestView(sent.method, sent.url, sent.shown_headers(), sent.body)
    response = None
    if got is not None:
        response = ReceivedAnswerView(got.status, got.content_type, trial.answer_body, got.is_cut)
    return HttpToolTrialAnswer(request, response, trial.result, trial.error, trial.took_ms)


# Errors that several operations can return.
_TOOL_CONFIG_ERRORS: Final = ("409 workspace_suspended", "422 address_refused", "422 header_twice")

ROUTES: tuple[Route, ...] = (
    Route("GET", HTTP_TOOLS, list_http_tools, member("viewer", "tools:read"), beyond_spec=True),
    Route(
        "POST",
        HTTP_TOOLS,
        create_http_tool,
        member("admin", "tools:write"),
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=(*_TOOL_CONFIG_ERRORS, "409 http_tool_limit", "409 tool_name_taken", "422 tool_name_reserved"),
    ),
    Route(
        "GET",
        HTTP_TOOL,
        get_http_tool,
        member("viewer", "tools:read"),
        beyond_spec=True,
        errors=("404 http_tool_not_found",),
    ),
    Route(
        "PUT",
        HTTP_TOOL,
        change_http_tool,
        member("admin", "tools:write"),
        beyond_spec=True,
        errors=("404 http_tool_not_found", *_TOOL_CONFIG_ERRORS, "422 secrets_missing"),
    ),
    Route(
        "DELETE",
        HTTP_TOOL,
        delete_http_tool,
        member("admin", "tools:write"),
        beyond_spec=True,
        errors=("404 http_tool_not_found", "409 tool_in_use"),
    ),
    Route(
        "POST",
        f"{HTTP_TOOL}/try",
        try_http_tool,
        member("admin", "tools:write"),
        limit=TRIALS,
        beyond_spec=True,
        errors=("404 http_tool_not_found", "409 workspace_suspended", "409 secrets_lost", "422 arguments_invalid"),
    ),
)
