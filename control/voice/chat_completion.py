"""Asks a language model for one whole reply, by OpenAI's chat completions, which the native models of calls speak.

Sources: OpenAI's API reference, "Chat Completions" (`response_format`, `refusal`, `usage`); shared/chat_dialects.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import httpx
import msgspec
from msgspec import Struct

from control.voice.offers import BASE_URL
from control.voice.probe import MAX_ANSWER_BYTES, OPENAI_URL, ProbeFailed, make_body_options, meant_status, open_client
from shared.chat_dialects import (
    DIALECTS,
    RULES,
    Dialect,
    count_completion,
    detect_dialect,
    find_refused_field,
    make_chat_url,
    make_key_headers,
)
from shared.egress import EgressGuard
from shared.plan import ProviderPlan

# The vendor of media's native language models; those of pipecat run in media only.
CHAT_VENDOR: Final = "openai"
# A server that takes no JSON Schema is asked for any JSON, then for text; the prompt has the schema as well.
_FORMATS: Final = ("json_schema", "json_object", "text")
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_QUOTA_CODES: Final = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
# One token is about four characters of English; where a server reports none, too many are better than too few.
_CHARACTERS_PER_TOKEN: Final = 3


@dataclass(frozen=True, slots=True)
class ChatQuestion:
    """messages: as the API wants them. schema: of the reply, closed and with all properties required. max_tokens: of
    the reply, a model's reasoning included. timeout_s: for all of it, a request without a refused field included."""

    messages: Sequence[Mapping[str, str]]
    schema: Mapping[str, Any]
    max_tokens: int
    timeout_s: float


@dataclass(frozen=True, slots=True)
class ChatUsage:
    """Tokens of one reply. prompt: without the cached ones. is_estimated: the server reported none."""

    prompt: int = 0
    cached: int = 0
    completion: int = 0
    is_estimated: bool = False

    @property
    def total(self) -> int:
        return self.prompt + self.cached + self.completion


@dataclass(frozen=True, slots=True)
class ChatCompletion:
    """A whole reply."""

    text: str
    usage: ChatUsage


class ChatFailed(Exception):
    """There is no reply that could be used. code: why. is_temporary: the same question may be answered later.
    ends_chain: another model would hardly answer it. usage: of a reply that is billed all the same.

    unreachable     no connection, or no answer in time
    busy            HTTP 408, 429, 503: no room for the request now
    vendor_error    another HTTP 5xx
    quota           the account's credit is used up
    key_refused     HTTP 401, 403
    model_unavailable  HTTP 404: there is no such model (any more)
    request_refused another HTTP status
    unreadable      an answer that is no chat completion
    declined        the model does not answer this
    too_long        the reply reached its limit of tokens
    """

    def __init__(
        self, code: str, *, is_temporary: bool = False, ends_chain: bool = False, usage: ChatUsage | None = None
    ) -> None:
        super().__init__(code)
        self.code, self.is_temporary, self.ends_chain = code, is_temporary, ends_chain
        self.usage = usage or ChatUsage()


class _Message(Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(Struct):
    cached_tokens: int | None = None


class _CompletionDetails(Struct):
    reasoning_tokens: int | None = None


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0
    total_tokens: int = 0
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Completion(Struct):
    choices: list[_Choice]
    usage: _Usage | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    body: bytes

    @property
    def error(self) -> Mapping[str, Any]:
        """The object under `error`; empty if there is none."""
        try:
            error = msgspec.json.decode(self.body)["error"]
        except (msgspec.DecodeError, LookupError, TypeError):
            return {}
        return error if isinstance(error, Mapping) else {}


def can_complete(provider: ProviderPlan) -> bool:
    """Whether a provider of a call's plan can be asked from here."""
    return provider.vendor_name == CHAT_VENDOR


async def complete(provider: ProviderPlan, question: ChatQuestion, guard: EgressGuard) -> ChatCompletion:
    """The reply. provider: as a call's plan has it, with its key. guard: passes connections to an address that a
    customer gave. Raises ChatFailed."""
    try:
        async with open_client(question.timeout_s, guard if provider.guarded else None) as http:
            answer = await _ask(http, provider, question)
    except ProbeFailed:
        raise ChatFailed("unreachable", is_temporary=True) from None
    if answer.status != 200:
        raise _map_refusal(answer)
    return _read_completion(answer.body, question)


async def _ask(http: httpx.AsyncClient, provider: ProviderPlan, question: ChatQuestion) -> _Answer:
    """The answer to the question without the fields that the model does not take: each is left out at most once, and a
    request that was refused is not billed."""
    base_url = str(provider.options.get(BASE_URL) or OPENAI_URL)
    named = provider.options.get("dialect")
    dialect: Dialect = named if named in DIALECTS else detect_dialect(base_url)
    model, version = str(provider.options.get("model", "")), str(provider.options.get("api_version", ""))
    url = make_chat_url(dialect, base_url, model, version)
    headers = make_key_headers(dialect, str(provider.options.get("api_key", "")))
    body = _make_body(provider.options, dialect, question)
    formats = list(_FORMATS)
    while True:
        answer = await _post(http, url, headers, body)
        refused = find_refused_field(answer.error.get("code"), answer.error.get("param"))
        if answer.status in (400, 422) and refused in body:
            limit = body.pop(refused)
            if refused == "max_tokens":
                body["max_completion_tokens"] = limit
        elif answer.status in (400, 422) and len(formats) > 1 and _names_format(answer):
            formats.pop(0)
            body["response_format"] = {"type": formats[0]}
        else:
            return answer


def _make_body(options: Mapping[str, Any], dialect: Dialect, question: ChatQuestion) -> dict[str, Any]:
    fields = {name: value for name, value in make_body_options(options, dialect).items() if name not in _LIMITS}
    strict = {"name": "call_analysis", "strict": True, "schema": question.schema}
    return {
        "temperature": 0,
        **fields,
        RULES[dialect].completion_limit or "max_tokens": question.max_tokens,
        "messages": question.messages,
        "response_format": {"type": "json_schema", "json_schema": strict},
    }


def _names_format(answer: _Answer) -> bool:
    """Whether the server refused the reply's format: by the parameter, else by words of its message."""
    error = answer.error
    text = f"{error.get('param')} {error.get('message')}".lower()
    return "response_format" in text or "json_schema" in text or "json_object" in text


async def _post(http: httpx.AsyncClient, url: str, headers: Mapping[str, str], body: Mapping[str, Any]) -> _Answer:
    """Raises ChatFailed for an answer without end."""
    async with http.stream("POST", url, json=body, headers=headers) as response:
        content = bytearray()
        async for part in response.aiter_raw():
            content += part
            if len(content) > MAX_ANSWER_BYTES:
                raise ChatFailed("unreadable", is_temporary=True)
        return _Answer(response.status_code, bytes(content))


def _map_refusal(answer: _Answer) -> ChatFailed:
    status, code = meant_status(answer.status, answer.body), answer.error.get("code") or answer.error.get("type")
    if status == 402 or code in _QUOTA_CODES:
        return ChatFailed("quota")
    if status in (408, 429, 503):
        return ChatFailed("busy", is_temporary=True)
    if status >= 500:
        return ChatFailed("vendor_error", is_temporary=True)
    known = {401: "key_refused", 403: "key_refused", 404: "model_unavailable"}
    return ChatFailed(known.get(status, "request_refused"))


def _read_completion(body: bytes, question: ChatQuestion) -> ChatCompletion:
    """Raises ChatFailed."""
    try:
        read = msgspec.json.decode(body, type=_Completion)
    except msgspec.DecodeError:
        raise ChatFailed("unreadable", is_temporary=True, usage=_estimate(question, "")) from None
    choice = read.choices[0] if read.choices else _Choice(_Message())
    text = choice.message.content or ""
    usage = _read_usage(read.usage) if read.usage else _estimate(question, text)
    if choice.message.refusal or choice.finish_reason == "content_filter":
        raise ChatFailed("declined", ends_chain=True, usage=usage)
    if choice.finish_reason == "length":
        raise ChatFailed("too_long", ends_chain=True, usage=usage)
    if not text:
        raise ChatFailed("unreadable", is_temporary=True, usage=usage)
    return ChatCompletion(text, usage)


def _read_usage(usage: _Usage) -> ChatUsage:
    """The API's prompt_tokens include the cached ones."""
    details = usage.prompt_tokens_details or _PromptDetails()
    cached = max(0, min(details.cached_tokens or 0, usage.prompt_tokens))
    reasoning = (usage.completion_tokens_details or _CompletionDetails()).reasoning_tokens or 0
    completion = count_completion(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, reasoning)
    return ChatUsage(max(0, usage.prompt_tokens - cached), cached, max(0, completion))


def _estimate(question: ChatQuestion, text: str) -> ChatUsage:
    prompt = estimate_prompt(question)
    return replace(ChatUsage(prompt, 0, len(text) // _CHARACTERS_PER_TOKEN), is_estimated=True)


def estimate_prompt(question: ChatQuestion) -> int:
    """Tokens of the question, rather too many than too few."""
    characters = sum(len(message["content"]) for message in question.messages)
    return (characters + len(msgspec.json.encode(question.schema))) // _CHARACTERS_PER_TOKEN
