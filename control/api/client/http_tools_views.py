"""Response models of HTTP tools (client API)."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.http.fields import CreatedAt, Id, UpdatedAt
from control.http.pagination import HasMore
from control.tools.http_tools.execution import HttpTrial
from control.tools.http_tools.rules import HttpTool, HttpToolConfig


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


def to_tool_view(tool: HttpTool, *, is_reserved: bool) -> HttpToolView:
    return HttpToolView(
        id=tool.id,
        name=tool.name,
        config=tool.config,
        secret_headers=list(tool.secret_names),
        name_reserved=is_reserved,
        created_at=tool.created_at,
        updated_at=tool.updated_at,
    )


def to_trial(trial: HttpTrial) -> HttpToolTrialAnswer:
    sent, got = trial.request, trial.answer
    request = SentRequestView(sent.method, sent.url, sent.shown_headers(), sent.body)
    response = None
    if got is not None:
        response = ReceivedAnswerView(got.status, got.content_type, trial.answer_body, got.is_cut)
    return HttpToolTrialAnswer(request, response, trial.result, trial.error, trial.took_ms)
