"""Asks a language model for one whole reply, by the API that it speaks in calls, too."""

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
    """Returns whether a provider of a call's plan can be asked from here."""
    check = find_check(provider.vendor_name)
    return check is not None and check.completions is not None


async def complete(provider: ProviderPlan, question: ChatQuestion, guard: EgressGuard) -> ChatCompletion:
    """Returns the reply. Raises ChatFailed.

    Args:
        provider: As a call's plan has it, with its key; `can_complete` holds for it.
        guard: Passes connections to an address that a customer gave.
    """
    check = find_check(provider.vendor_name)
    assert check is not None and check.completions is not None  # can_complete
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
    """Returns the answer to the question without the fields that the model does not take: each is left out at most
    once, and a request that was refused is not billed."""
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
    """Raises ChatFailed for an answer without end."""
    async with http.stream("POST", url, json=body, headers=headers) as response:
        content = bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                raise ChatFailed("unreadable", is_temporary=True)
        return ChatAnswer(response.status_code, bytes(content))
