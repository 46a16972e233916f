"""OpenAI's chat completions as control asks them.

Sources: OpenAI's API reference, "Chat Completions" (`response_format`, `refusal`, `usage`); shared/chat_dialects.py.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.chat_dialects import (
    DIALECTS,
    RULES,
    STATUS_OF_CODE,
    Dialect,
    count_completion,
    detect_dialect,
    find_refused_field,
    make_chat_url,
    make_key_headers,
)
from shared.providers.chat_question import ChatCompletion, ChatFailed, ChatQuestion, ChatUsage, estimate_usage
from shared.providers.check import VendorCheck
from shared.providers.options import BASE_URL
from vendors.openai.facts import OPENAI_URL

# A server that takes no JSON Schema is asked for any JSON, then for text; the prompt has the schema as well.
_LOOSER: Final = {"json_schema": "json_object", "json_object": "text"}
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_QUOTA_CODES: Final = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
# Of answers that may be about a key or an account in spite of their status.
_SENTENCE_STATUSES: Final = (400, 403, 429)
_BODY_OPTIONS: Final = ("model", "temperature", "max_tokens", "max_completion_tokens", "reasoning_effort")


class _Message(Struct):
    content: str | None = None
    refusal: str | None = None


class _Choice(Struct):
    message: _Message
    finish_reason: str | None = None


class _PromptDetails(Struct):
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None


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


class OpenAiChat:
    """CompletionApi of chat completions. options: of a provider, as a plan or the catalog has them."""

    def __init__(self, options: Mapping[str, Any], key: str) -> None:
        base_url, named = str(options.get(BASE_URL) or OPENAI_URL), options.get("dialect")
        dialect: Dialect = named if named in DIALECTS else detect_dialect(base_url)
        model, version = str(options.get("model", "")), str(options.get("api_version", ""))
        self.word_url = self.reply_url = make_chat_url(dialect, base_url, model, version)
        self.headers: Mapping[str, str] = make_key_headers(dialect, key)
        self._limit = RULES[dialect].completion_limit
        self._options = options

    def make_word_body(self, text: str) -> dict[str, Any]:
        """As media asks."""
        return {**self._body_options(), "messages": [{"role": "user", "content": text}], "stream": True}

    def has_word(self, event: Any) -> bool:
        """Whether a chunk has a part of the answer."""
        delta = event["choices"][0]["delta"]
        return any(delta.get(field) for field in ("content", "reasoning", "reasoning_content"))

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """By the error's code and parameter."""
        return find_refused_field(error.get("code"), error.get("param"))

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        """A refused limit is sent under its newer name."""
        limit = body.pop(name)
        if name == "max_tokens":
            body.setdefault("max_completion_tokens", limit)

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        """By the status, or the error's code."""
        return _meant_status(status, error) in (401, 403)

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """By the status, or the error's code."""
        return _meant_status(status, error) == 402 or (error.get("code") or error.get("type")) in _QUOTA_CODES

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """With the schema as the strict format of the reply."""
        fields = {name: value for name, value in self._body_options().items() if name not in _LIMITS}
        strict = {"name": "call_analysis", "strict": True, "schema": question.schema}
        return {
            "temperature": 0,
            **fields,
            self._limit or "max_tokens": question.max_tokens,
            "messages": question.messages,
            "response_format": {"type": "json_schema", "json_schema": strict},
        }

    def loosen_format(self, body: dict[str, Any], error: Mapping[str, Any]) -> bool:
        """The format is named by the parameter, else by words of the message."""
        text = f"{error.get('param')} {error.get('message')}".lower()
        looser = _LOOSER.get(body["response_format"]["type"])
        if looser is None or not any(word in text for word in ("response_format", "json_schema", "json_object")):
            return False
        body["response_format"] = {"type": looser}
        return True

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """Raises ChatFailed."""
        try:
            read = msgspec.json.decode(body, type=_Completion)
        except msgspec.DecodeError:
            raise ChatFailed("unreadable", is_temporary=True, usage=estimate_usage(question, "")) from None
        choice = read.choices[0] if read.choices else _Choice(_Message())
        text = choice.message.content or ""
        usage = _read_usage(read.usage) if read.usage else estimate_usage(question, text)
        if choice.message.refusal or choice.finish_reason == "content_filter":
            raise ChatFailed("declined", ends_chain=True, usage=usage)
        if choice.finish_reason == "length":
            raise ChatFailed("too_long", ends_chain=True, usage=usage)
        if not text:
            raise ChatFailed("unreadable", is_temporary=True, usage=usage)
        return ChatCompletion(text, usage)

    def _body_options(self) -> dict[str, Any]:
        """The options that are fields of the request, by the names that the server wants."""
        fields = {name: value for name, value in self._options.items() if name in _BODY_OPTIONS}
        if self._limit and "max_tokens" in fields:
            fields.setdefault(self._limit, fields.pop("max_tokens"))
        extra = self._options.get("extra")
        return {**fields, **(extra if isinstance(extra, Mapping) else {})}


def _read_usage(usage: _Usage) -> ChatUsage:
    """The API's prompt_tokens include those that were read from the cache and those that are written to it."""
    details = usage.prompt_tokens_details or _PromptDetails()
    cached = max(0, min(details.cached_tokens or 0, usage.prompt_tokens))
    written = max(0, min(details.cache_write_tokens or 0, usage.prompt_tokens - cached))
    reasoning = (usage.completion_tokens_details or _CompletionDetails()).reasoning_tokens or 0
    completion = count_completion(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, reasoning)
    prompt = max(0, usage.prompt_tokens - cached - written)
    return ChatUsage(prompt, cached, max(0, completion), cache_write=written)


def _meant_status(status: int, error: Mapping[str, Any]) -> int:
    """xAI's says in a sentence that the key is wrong (400), or that the account has no credit."""
    code = error.get("code")
    is_told = status in _SENTENCE_STATUSES and isinstance(code, str)
    return STATUS_OF_CODE.get(str(code), status) if is_told else status


CHECK: Final = VendorCheck(completions=OpenAiChat)
