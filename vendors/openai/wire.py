"""Messages and errors of OpenAI's chat completions: the request's body, and a reply parsed from its chunks; no I/O."""

from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.chat_dialects import count_completion, find_refused_field, read_sentence
from shared.providers import chat as providers_chat
from shared.providers.chat import (
    NO_RESULT,
    ChatRequest,
    LanguageModelEvent,
    Message,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
    join_texts,
)
from shared.providers.errors import (
    DECODE_ERRORS,
    KeyRefused,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    ReplyUnusable,
    cause_of_status,
    is_error_code,
)

DONE: Final = b"[DONE]"
_QUOTA_CODES: Final = ("insufficient_quota", "billing_hard_limit_reached")
_BUSY_CODES: Final = ("rate_limit_exceeded", "rate_limit_error", "overloaded_error", "overloaded", *_QUOTA_CODES)
# 498: Groq's service tier has no capacity. 529: a server behind OpenRouter is overloaded.
_BUSY_STATUSES: Final = (429, 498, 503, 529)
# OpenRouter: the account has no credit.
_PAYMENT_REQUIRED: Final = 402
_UNAUTHORIZED: Final = 401
# Code sent with 401, and by xAI with 400.
_WRONG_KEY: Final = "invalid_api_key"
# Groq: the model wrote an unreadable tool call. A retry may succeed.
_TOOL_CALL_UNREADABLE: Final = "tool_use_failed"


# --- the request ----------------------------------------------------------------------------------------------------


def make_messages(request: ChatRequest) -> list[dict[str, Any]]:
    """Return the conversation in the API's format. A tool call without a result gets NO_RESULT.

    Notes are part of the system message and of the user's message, because prompt templates of some open models refuse
    a system message after the first position (https://github.com/vllm-project/vllm/issues/41114).
    """
    system = join_texts(request.system, request.call_note)
    messages = [{"role": "system", "content": system}] if system else []
    results = {message.tool_call_id: message.text for message in request.messages if message.role == "tool"}
    for message in request.messages:
        messages.extend(_entries(message, results))
    return messages


def make_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Return the tools in the API's format."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _entries(message: Message, results: dict[str, str]) -> Iterable[dict[str, Any]]:
    if message.role == "user":
        yield {"role": "user", "content": join_texts(message.note, message.text)}
    elif message.role == "assistant" and message.tool_calls:
        calls = [_call(call) for call in message.tool_calls]
        yield {"role": "assistant", "content": message.text or None, "tool_calls": calls}
        for call in message.tool_calls:
            yield {"role": "tool", "tool_call_id": call.id, "content": results.get(call.id, NO_RESULT)}
    elif message.role == "assistant" and message.text:
        yield {"role": "assistant", "content": message.text}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments or "{}"}}


# --- errors ---------------------------------------------------------------------------------------------------------


class VendorError(Struct):
    """The object under `error` in a response. Its `message` is dropped, because it may quote the key or the caller."""

    code: str | int | None = None
    type: str | None = None
    param: str | None = None

    @property
    def refused_field(self) -> str:
        """The field that the model does not support, if the request can omit it; empty for other errors."""
        return find_refused_field(self.code, self.param)


class _Envelope(Struct):
    error: VendorError | str | None = None


def parse_error(body: bytes) -> VendorError:
    """Return the error in an HTTP response body; an empty error if the body has none."""
    try:
        error = msgspec.json.decode(body, type=_Envelope).error
    except DECODE_ERRORS:
        error = None
    if isinstance(error, str):  # xAI sends a sentence, also as `code`
        return VendorError(code=read_sentence(error))
    return error if isinstance(error, VendorError) else VendorError()


def make_http_error(provider: str, status: int, body: bytes) -> ProviderError:
    """Map an HTTP status other than 200 to a ProviderError."""
    return _map_error(provider, status, parse_error(body)).with_answer(body)


def _map_error(provider: str, status: int, error: VendorError) -> ProviderError:
    code = _identifier(error.code) or _identifier(error.type)
    reason = f"HTTP {status} {code}".strip() if status else f"error in the stream {code}".strip()
    quota_used_up = code in _QUOTA_CODES or status == _PAYMENT_REQUIRED
    if quota_used_up or status in _BUSY_STATUSES or code in _BUSY_CODES:
        return ProviderBusy(provider, reason, retryable=not quota_used_up)
    if status == _UNAUTHORIZED or code == _WRONG_KEY:  # not 403, which may also refuse a model, a country or a text
        return KeyRefused(provider, reason)
    if code == _TOOL_CALL_UNREADABLE:
        return ReplyUnusable(provider, reason)
    if status in (408, 504):
        return ProviderSlow(provider, reason, may_bill=False)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


def _identifier(code: str | int | None) -> str:
    """Return the code if it looks like an error code; empty for free text, which may quote anything."""
    return code if isinstance(code, str) and is_error_code(code) else ""


# --- the reply ------------------------------------------------------------------------------------------------------


class _Function(Struct):
    name: str | None = None
    arguments: str | None = None


class _Fragment(Struct):
    index: int = 0
    id: str | None = None
    function: _Function | None = None


class _Delta(Struct):
    content: str | None = None
    refusal: str | None = None  # the model declines, with a sentence for the user
    tool_calls: list[_Fragment] | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _PromptDetails(Struct):
    """Details of the prompt's tokens.

    Attributes:
        cache_write_tokens: Sent by OpenRouter, and by OpenAI for models that bill cache writes separately.
    """

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


class _Groq(Struct):
    usage: _Usage | None = None
    error: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: VendorError | str | None = None
    x_groq: _Groq | None = None


class StreamedReply:
    """Reads a reply chunk by chunk.

    Attributes:
        has_begun: The model has begun its reply.
        done: The stream's end marker was received.
        has_failed: The server reported an error in the stream.

    Args:
        provider: The provider's name.
        bills_failures: Whether the vendor bills replies that failed or have no token.
    """

    def __init__(self, provider: str, *, bills_failures: bool = True) -> None:
        self._provider = provider
        self._bills_failures = bills_failures
        self._decoder = msgspec.json.Decoder(_Chunk)
        self._text: list[str] = []
        self._calls: dict[int, tuple[list[str], list[str], list[str]]] = {}  # id, name and arguments, each in pieces
        self._usage: TokenUsage | None = None
        self._finish = ""
        self.has_begun = False
        self.done = False
        self.has_failed = False

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Process the data of one event and return the resulting events. Raises ProviderError, also if the data reports
        an error.
        """
        if data.strip() == DONE:
            self.done = True
            return []
        chunk = self._decode(data)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        if usage:
            self._usage = _token_usage(usage)
        return self._choice(chunk.choices[0]) if chunk.choices else []

    @property
    def is_complete(self) -> bool:
        """Whether the model has ended the reply. The usage may still follow."""
        return bool(self._finish)

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """End the reply and return its tool calls and usage. Raises ProviderError if the stream was cut."""
        if not (self.done or self._finish):
            raise ProviderError(self._provider, "the stream was cut", cause="cut")
        if self._calls and self._finish == "length":
            raise ReplyUnusable(self._provider, "a tool call was cut at the token limit")
        calls = [self._tool_call(index) for index in sorted(self._calls)]
        return [*calls, self._usage or self.usage(request)]

    def usage(self, request: ChatRequest) -> TokenUsage:
        """Return the usage that the stream reported, or an estimate."""
        arguments = ("".join(arguments) for _, _, arguments in self._calls.values())
        return self._usage or providers_chat.estimate_tokens(request, "".join(self._text) + "".join(arguments))

    def spent(self, request: ChatRequest) -> TokenUsage:
        """Return the usage of a failed stream. The prompt counts even before the first token, because the server
        accepted it.
        """
        is_free = not self._bills_failures and (self.has_failed or not self.has_begun)
        return TokenUsage(0, 0) if is_free else self.usage(request)

    def _decode(self, data: bytes) -> _Chunk:
        try:
            chunk = self._decoder.decode(data)
        except DECODE_ERRORS:
            raise ProviderError(self._provider, "an unreadable chunk", cause="unreadable") from None
        found = chunk.error or (chunk.x_groq.error if chunk.x_groq else None)
        if found:
            self.has_failed = True
            body = found if isinstance(found, VendorError) else VendorError()
            status = body.code if isinstance(body.code, int) else 0
            raise _map_error(self._provider, status, body).with_answer(data)
        return chunk

    def _choice(self, choice: _Choice) -> list[LanguageModelEvent]:
        self._finish = choice.finish_reason or self._finish
        if self._finish == "error":
            self.has_failed = True
            raise ProviderError(self._provider, "error in the stream")
        delta = choice.delta or _Delta()
        for fragment in delta.tool_calls or []:
            self._collect(fragment)
        return self._text_delta(delta)

    def _text_delta(self, delta: _Delta) -> list[LanguageModelEvent]:
        text = delta.content or delta.refusal or ""
        if text:
            self._text.append(text)
        elif not delta.tool_calls:
            return []
        self.has_begun = True
        return [TextDelta(text)]  # empty while the model writes a tool call, which shows progress

    def _collect(self, fragment: _Fragment) -> None:
        ids, names, arguments = self._calls.setdefault(fragment.index, ([], [], []))
        function = fragment.function or _Function()
        if fragment.id and not ids:
            ids.append(fragment.id)
        if function.name and not names:
            names.append(function.name)
        if function.arguments:
            arguments.append(function.arguments)

    def _tool_call(self, index: int) -> ToolCall:
        ids, names, arguments = self._calls[index]
        if not names:
            raise ReplyUnusable(self._provider, "a tool call without a name")
        return ToolCall(ids[0] if ids else f"call_{index}", names[0], "".join(arguments) or "{}")


def _token_usage(usage: _Usage) -> TokenUsage:
    """Return the usage. The API's prompt_tokens include tokens read from the cache and written to it."""
    details = usage.prompt_tokens_details or _PromptDetails()
    cached = min(details.cached_tokens or 0, usage.prompt_tokens)
    written = min(details.cache_write_tokens or 0, usage.prompt_tokens - cached)
    reasoning = (usage.completion_tokens_details or _CompletionDetails()).reasoning_tokens or 0
    completion = count_completion(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens, reasoning)
    return TokenUsage(usage.prompt_tokens - cached - written, completion, cached=cached, cache_write=written)
