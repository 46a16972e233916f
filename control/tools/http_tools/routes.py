"""Routes of HTTP tools, for the members of their workspace."""

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
# Limited, because each trial sends a request to a host that a customer chose.
TRIALS: Final = RateLimit("tool-trials", 30, 600, per_user=True)
HttpToolId = Annotated[UUID, Field(description="Id of the HTTP tool.")]


class NewHttpTool(Body):
    """A tool to create."""

    name: ToolTitle = Field(
        description="Name for the language model and for configs of agents; never changes.", examples=["check_stock"]
    )
    config: HttpToolConfig = Field(description="The tool, its request, and what is read of the answer.")
    secret_headers: SecretHeaders = Field(
        {},
        description="Headers whose values are never shown again, up to 20.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class HttpToolChange(ChangeBody):
    """Changes; a field that is left out stays as it is."""

    config: HttpToolConfig | None = Field(None, description="The whole config; null leaves it as it is.")
    secret_headers: SecretHeaders | None = Field(
        None,
        description="Replace all secret headers; null leaves them as they are. A new host needs them again.",
        examples=[{"Authorization": "Bearer key-of-your-system"}],
    )


class HttpToolArguments(Body):
    """Arguments as a language model would pass them."""

    arguments: dict[str, Any] = Field(
        {}, max_length=100, description="Arguments that fit the tool's schema.", examples=[{"sku": "A-17"}]
    )


@dataclass(frozen=True, slots=True)
class HttpToolView:
    """An HTTP tool."""

    id: Id
    name: Annotated[
        str, Field(description="Name for the language model and for configs of agents.", examples=["check_stock"])
    ]
    config: Annotated[HttpToolConfig, Field(description="The tool, its request, and what is read of the answer.")]
    secret_headers: Annotated[
        list[str],
        Field(
            description="Names of the headers whose values are stored and never shown.", examples=[["Authorization"]]
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

    http_tools: Annotated[list[HttpToolView], Field(description="The tools, by name.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class SentRequestView:
    """The request that was sent."""

    method: Annotated[str, Field(description="Method of the request.", examples=["GET"])]
    url: Annotated[
        str,
        Field(
            description="Its address, with the arguments in it.", examples=["https://api.example.com/stock?sku=A-17"]
        ),
    ]
    headers: Annotated[
        dict[str, str],
        Field(description="Its headers, those of secret values masked.", examples=[{"Authorization": "***"}]),
    ]
    body: Annotated[str | None, Field(description="Its body, JSON; null: it had none.", examples=['{"sku": "A-17"}'])]


@dataclass(frozen=True, slots=True)
class ReceivedAnswerView:
    """What came back."""

    status: Annotated[int, Field(description="HTTP status.", examples=[200])]
    content_type: Annotated[str, Field(description="Its type, without parameters.", examples=["application/json"])]
    body: Annotated[
        str,
        Field(
            description="Its first 20,000 characters; the tool's own secrets in it are masked.",
            examples=['{"stock": {"free": 3}}'],
        ),
    ]
    is_cut: Annotated[bool, Field(description="It has more bytes than are read.")]


@dataclass(frozen=True, slots=True)
class HttpToolTrialAnswer:
    """What became of a trial."""

    request: Annotated[SentRequestView, Field(description="The request that was sent.")]
    response: Annotated[
        ReceivedAnswerView | None, Field(description="What came back; null: there was no whole answer.")
    ]
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
            examples=["there was no whole answer within 8 s."],
        ),
    ]
    took_ms: Annotated[int, Field(description="Milliseconds.", examples=[240])]


async def list_http_tools(context: MemberContext) -> HttpToolList:
    """The workspace's HTTP tools, by name; it has 50 at most."""
    found = await context.services[HttpTools].list_all(context.db, context.workspace_id)
    return HttpToolList([_to_view(context, tool) for tool in found], has_more=False)


async def create_http_tool(context: MemberContext, body: NewHttpTool) -> HttpToolAnswer:
    """Creates an HTTP tool, which agents use once their config names it."""
    edit = HttpToolEdit(body.config, body.secret_headers)
    tool = await context.services[HttpTools].create(
        context.db, context.workspace_id, context.actor, body.name, edit, context.now
    )
    return HttpToolAnswer(_to_view(context, tool))


async def get_http_tool(context: MemberContext, http_tool_id: HttpToolId) -> HttpToolAnswer:
    """An HTTP tool, without the values of its secret headers."""
    return HttpToolAnswer(
        _to_view(context, await context.services[HttpTools].get(context.db, context.workspace_id, http_tool_id))
    )


async def change_http_tool(context: MemberContext, http_tool_id: HttpToolId, body: HttpToolChange) -> HttpToolAnswer:
    """Changes an HTTP tool. Calls that are in progress use it from now on; what their model knows of it stays."""
    edit = HttpToolEdit(body.config, body.secret_headers)
    tool = await context.services[HttpTools].update(
        context.db, context.workspace_id, context.actor, http_tool_id, edit, context.now
    )
    return HttpToolAnswer(_to_view(context, tool))


async def delete_http_tool(context: MemberContext, http_tool_id: HttpToolId) -> None:
    """Deletes an HTTP tool that no agent names."""
    await context.services[HttpTools].delete(context.db, context.workspace_id, context.actor, http_tool_id)


async def try_http_tool(
    context: MemberContext, http_tool_id: HttpToolId, body: HttpToolArguments
) -> AfterCommit[HttpToolTrialAnswer]:
    """Sends the tool's request once, for real. Answers what was sent, what came back, and what a language model would
    read of it."""
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


# Errors that several operations can answer with.
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
