"""Requests a complete reply from a language model, through the API that calls use."""

from collections.abc import Mapping
from typing import Any

import httpx

from control.voice.keys import KEY_OPTION
from control.voice.probe import MAX_ANSWER_BYTES, ProbeFailed, open_client
from shared.egress import EgressGuard
from shared.plan import ProviderPlan
from shared.providers.chat_question import (
    ChatAnswer,
    ChatCompletion,
    ChatFailed,
    ChatQuestion,
    CompletionApi,
    map_refusal,
)
from vendors.registry import find_check


def can_complete(provider: ProviderPlan) -> bool:
    """Return whether control can request completions from this provider of a call plan."""
    check = find_check(provider.vendor_name)
    return check is not None and check.completions is not None


async def complete(provider: ProviderPlan, question: ChatQuestion, guard: EgressGuard) -> ChatCompletion:
    """Request a reply. Raises ChatFailed.

    Args:
        provider: A provider of a call plan, with its key. `can_complete` must be true for it.
        guard: Checks connections to an address given by a customer.
    """
    check = find_check(provider.vendor_name)
    assert check is not None and check.completions is not None  # guaranteed by can_complete
    api = check.completions(provider.options, str(provider.options.get(KEY_OPTION, "")))
    try:
        async with open_client(question.timeout_s, guard if provider.guarded else None) as http:
            answer = await _ask(http, api, question)
    except ProbeFailed:
        raise ChatFailed("unreachable", is_temporary=True) from None
    if answer.status != 200:
        raise map_refusal(api, answer)
    return api.read(answer.body, question)


async def _ask(http: httpx.AsyncClient, api: CompletionApi, question: ChatQuestion) -> ChatAnswer:
    """Send the question and omit fields that the model does not accept.

    Each refused field is dropped at most once. Refused requests are not billed.
    """
    body = api.make_body(question)
    while True:
        answer = await _post(http, api.reply_url, api.headers, body)
        if answer.status not in (400, 422):
            return answer
        refused = api.find_refused_field(answer.error)
        if refused in body:
            api.drop_field(body, refused)
        elif not api.loosen_format(body, answer.error):
            return answer


async def _post(http: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> ChatAnswer:
    """Post a request and return the answer. Raises ChatFailed for an answer without an end."""
    async with http.stream("POST", url, json=body, headers=headers) as response:
        content = bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                raise ChatFailed("unreadable", is_temporary=True)
        return ChatAnswer(response.status_code, bytes(content))
