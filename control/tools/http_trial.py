"""Tries an HTTP tool for a member: the request that is sent, the answer, and what a language model would get."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from control.tools.http_client import AnswerLost, RequestNotSent, ToolHttpAnswer, ToolHttpClient
from control.tools.http_execution import HttpExecution
from control.tools.http_request import ToolHttpRequest, make_request
from control.tools.model import HttpTool
from control.tools.secret_headers import hide_secrets
from shared.errors import Problem
from shared.ids import new_id

# Characters of the answer's body that are shown.
SHOWN_BODY: Final = 20_000


@dataclass(frozen=True, slots=True)
class HttpTrial:
    """answer: None: there was none, and `error` says why. result: for the model; None with an error."""

    request: ToolHttpRequest
    answer: ToolHttpAnswer | None
    answer_body: str
    result: str | None
    error: str | None
    took_ms: int


async def try_http_tool(
    client: ToolHttpClient, tool: HttpTool, secrets: Mapping[str, str], arguments: Mapping[str, Any]
) -> HttpTrial:
    """Sends the request once, whatever the tool's traits. Raises Invalid (code arguments_invalid)."""
    loop = asyncio.get_running_loop()
    began, owner = loop.time(), str(tool.workspace_id)
    request = make_request(tool.config, secrets, arguments, new_id())
    answer = result = error = None
    try:
        answer = await client.send(request, tool.config.timeout_s, owner)
        answer = replace(answer, content_type=hide_secrets(answer.content_type, secrets))
        result = HttpExecution(client, tool.name, tool.config, owner, secrets).read(answer)
    except (RequestNotSent, AnswerLost) as failed:
        error = f"{failed}."
    except Problem as problem:
        error = problem.message
    return HttpTrial(
        request=request,
        answer=answer,
        answer_body="" if answer is None else _shown(answer, secrets),
        result=result,
        error=error,
        took_ms=round((loop.time() - began) * 1_000),
    )


def _shown(answer: ToolHttpAnswer, secrets: Mapping[str, str]) -> str:
    """The beginning of the body. Secrets are hidden before it is cut, which could leave a part of one."""
    return hide_secrets(answer.body.decode("utf-8", "replace"), secrets)[:SHOWN_BODY]
