"""Response models of HTTP tools (client API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.agents.remote_tools import RESERVED_NAMES
from control.http.pagination import HasMore
from control.tools.http_config import HttpToolConfig
from control.tools.http_trial import HttpTrial
from control.tools.model import HttpTool


@dataclass(frozen=True, slots=True)
class HttpToolView:
    """An HTTP tool.

    name: Name for the language model and for configs of agents.
    config: The tool, its request, and what is read of the answer.
    secret_headers: Names of the headers whose values are stored and never shown.
    name_reserved: The platform has a tool of this name since, and agents do not get this one: make it under another.
    """

    id: UUID
    name: str
    config: HttpToolConfig
    secret_headers: list[str]
    name_reserved: bool
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class HttpToolAnswer:
    """An HTTP tool.

    http_tool: The tool.
    """

    http_tool: HttpToolView


@dataclass(frozen=True, slots=True)
class HttpToolList:
    """The workspace's HTTP tools.

    http_tools: The tools, by name.
    """

    http_tools: list[HttpToolView]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class SentRequestView:
    """The request that was sent.

    method: Its method.
    url: Its address, with the arguments in it.
    headers: Its headers, those of secret values masked.
    body: Its body, JSON; null: it had none.
    """

    method: str
    url: str
    headers: dict[str, str]
    body: str | None


@dataclass(frozen=True, slots=True)
class ReceivedAnswerView:
    """What came back.

    status: HTTP status.
    content_type: Its type, without parameters.
    body: Its first 20,000 characters, secrets of the tool masked.
    is_cut: It has more bytes than are read.
    """

    status: int
    content_type: str
    body: str
    is_cut: bool


@dataclass(frozen=True, slots=True)
class HttpToolTrialAnswer:
    """What became of a trial.

    request: The request that was sent.
    response: What came back; null: there was no whole answer.
    result: What a language model would read; null with an error.
    error: What it would be told instead; null with a result.
    took_ms: Milliseconds.
    """

    request: SentRequestView
    response: ReceivedAnswerView | None
    result: str | None
    error: str | None
    took_ms: int


def to_tool_view(tool: HttpTool) -> HttpToolView:
    return HttpToolView(
        id=tool.id,
        name=tool.name,
        config=tool.config,
        secret_headers=list(tool.secret_names),
        name_reserved=tool.name in RESERVED_NAMES,
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
