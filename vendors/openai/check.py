"""How control calls OpenAI's chat completions, to check a key or to get a JSON reply.

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

# If a server supports no JSON Schema, the request requires any JSON, then plain text. The prompt contains the schema as
# well.
_LOOSER: Final = {"json_schema": "json_object", "json_object": "text"}
_LIMITS: Final = ("max_tokens", "max_completion_tokens")
_QUOTA_CODES: Final = ("insufficient_quota", "billing_hard_limit_reached", "billing_not_active")
# Statuses of responses that may concern a key or an account in spite of the status.
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
    """CompletionApi for chat completions.

    Args:
        options: The provider's options, as in a call plan or the catalog.
    """

    def __init__(self, options: Mapping[str, Any], key: str) -> None:
        base_url, named = str(options.get(BASE_URL) or OPENAI_URL), options.get("dialect")
        dialect: Dialect = named if named in DIALECTS else detect_dialect(base_url)
        model, version = str(options.get("model", "")), str(options.get("api_version", ""))
        self.word_url = self.reply_url = make_chat_url(dialect, base_url, model, version)
        self.headers: Mapping[str, str] = make_key_headers(dialect, key)
        self._limit = RULES[dialect].completion_limit
        self._options = options

    def make_word_body(self, text: str) -> dict[str, Any]:
        """Return the body of the short streamed request that checks a key."""
        return {**self._body_options(), "messages": [{"role": "user", "content": text}], "stream": True}

    def has_word(self, event: Any) -> bool:
        """Return whether a chunk contains part of the answer."""
        delta = event["choices"][0]["delta"]
        return any(delta.get(field) for field in ("content", "reasoning", "reasoning_content"))

    def find_refused_field(self, error: Mapping[str, Any]) -> str:
        """Return the refused field, according to the error's code and parameter."""
        return find_refused_field(error.get("code"), error.get("param"))

    def drop_field(self, body: dict[str, Any], name: str) -> None:
        """Remove a refused field. A refused `max_tokens` is sent under its newer name."""
        limit = body.pop(name)
        if name == "max_tokens":
            body.setdefault("max_completion_tokens", limit)

    def is_key_refused(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the key is refused, according to the status or the error's code."""
        return _meant_status(status, error) in (401, 403)

    def is_quota_used(self, status: int, error: Mapping[str, Any]) -> bool:
        """Return whether the quota is used up, according to the status or the error's code."""
        return _meant_status(status, error) == 402 or (error.get("code") or error.get("type")) in _QUOTA_CODES

    def make_body(self, question: ChatQuestion) -> dict[str, Any]:
        """Return a request whose reply must strictly match the question's JSON schema."""
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
        """Loosen the reply format by one step if the error refuses it. Returns False for other errors.

        The error's parameter or text shows that the format is refused.
        """
        text = f"{error.get('param')} {error.get('message')}".lower()
        looser = _LOOSER.get(body["response_format"]["type"])
        if looser is None or not any(word in text for word in ("response_format", "json_schema", "json_object")):
            return False
        body["response_format"] = {"type": looser}
        return True

    def read(self, body: bytes, question: ChatQuestion) -> ChatCompletion:
        """Read the reply. Raises ChatFailed if the reply is unreadable, declined or cut at the token limit."""
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
        """Return the options that are request fields, under the names that the server expects."""
        fields = {name: value for name, value in self._options.items() if name in _BODY_OPTIONS}
        if self._limit and "max_tokens" in fields:
            fields.setdefault(self._limit, fields.pop("max_tokens"))
        extra = self._options.get("extra")
        return {**fields, **(extra if isinstance(extra, Mapping) else {})}


def _read_usage(usage: _Usage) -> ChatUsage:
    """Return the usage. The API's prompt_tokens include tokens read from the cache and written to it."""
    details = usage.prompt_tokens_details or _PromptDetails()
    cached = max(0, min(details.cached_tokens or 0, usage.prompt_tokens))
    written = max(0, min(details.cache_write_tokens or 0, usage.prompt_tokens - cached))
    reasoning = (usage.completion_tokens_details or _CompletionDetails()).reasoning_tokens or 0
    completion = count_completion(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, reasoning)
    prompt = max(0, usage.prompt_tokens - cached - written)
    return ChatUsage(prompt, cached, max(0, completion), cache_write=written)


def _meant_status(status: int, error: Mapping[str, Any]) -> int:
    """Return the status that an error means. xAI reports a wrong key (400) or missing credit in a sentence."""
    code = error.get("code")
    is_told = status in _SENTENCE_STATUSES and isinstance(code, str)
    return STATUS_OF_CODE.get(str(code), status) if is_told else status


CHECK: Final = VendorCheck(completions=OpenAiChat)
