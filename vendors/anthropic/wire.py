"""Messages, URLs and errors of Anthropic's Messages API, shared by media and control; no I/O.

The API is described in docs/develop/vendors/anthropic.md. Sources: the anthropic SDK 2.15.0 (`_client.py`,
`_constants.py`, `types/model.py`, `types/message_create_params.py`), and platform.claude.com "Migrating to API version
2026-10-21", "Extended thinking", "Effort" and "What's new in Claude Fable 5.2". `python -m tools.vendor_versions`
compares VERSION and the table of models with the SDK.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.providers import chat as providers_chat
from shared.providers.chat import (
    ChatRequest,
    LanguageModelEvent,
    SpeakerTurn,
    TextDelta,
    TokenUsage,
    ToolAnswer,
    ToolCall,
    ToolSpec,
    make_turns,
    parse_arguments,
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

VERSION: Final = "2026-10-21"
# This API version answers 400 to each of these fields, for all models and even with the default value.
SAMPLING_FIELDS: Final = frozenset({"temperature", "top_p", "top_k"})
_PATH: Final = "/v1/messages"
_THINK_AT_WILL: Final = (
    "claude-haiku-5-5",
    "claude-opus-5",
    "claude-sonnet-5",
    "claude-opus-4-8",
    "claude-opus-4-7",
    "claude-opus-4-6",
    "claude-opus-4-5",
    "claude-sonnet-4-6",
    "claude-sonnet-4-5",
    "claude-haiku-4-5",
)
# These models always use adaptive thinking and answer `disabled` with 400.
_ALWAYS_THINK: Final = (
    "claude-fable-5",
    "claude-fable-5-1",
    "claude-fable-5-2",
    "claude-mythos-5",
    "claude-mythos-5-1",
    "claude-mythos-5-2",
    "claude-opus-5-5",
)
# The least thinking that each model supports. Other models get the vendor's default. Sonnet 5.5 can skip thinking only
# before a reply's first words.
_LEAST_THINKING: Final[Mapping[str, Mapping[str, Any]]] = {
    **{model: {"thinking": {"type": "disabled"}} for model in _THINK_AT_WILL},
    **{model: {"output_config": {"effort": "low"}} for model in _ALWAYS_THINK},
    "claude-sonnet-5-5": {"thinking": {"type": "between_tools"}},
}
_DATE: Final = re.compile(r"-\d{8}$")


def make_messages_url(base_url: str) -> str:
    """Return the URL of the Messages API.

    Args:
        base_url: The server's URL, with or without `/v1` at its end.
    """
    return base_url.rstrip("/").removesuffix("/v1") + _PATH


def make_headers(key: str) -> dict[str, str]:
    """Return the headers with the API version and the key. Servers without keys get no key header."""
    return {"anthropic-version": VERSION, **({"x-api-key": key} if key else {})}


def choose_thinking(model: str, effort: str | None) -> Mapping[str, Any]:
    """Return the request fields that set how much the model thinks.

    Args:
        model: The model's name.
        effort: `low` to `max`; None selects the least that the model supports.
    """
    if effort is not None:
        return {"output_config": {"effort": effort}}
    return _LEAST_THINKING.get(_DATE.sub("", model), {})


def knows_thinking(model: str) -> bool:
    """Return whether the least thinking of this model is known."""
    return _DATE.sub("", model) in _LEAST_THINKING


def drop_sampling(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Return the configured body fields without those that this API version refuses."""
    return {name: value for name, value in extra.items() if name not in SAMPLING_FIELDS}


def is_out_of_credit(error: Mapping[str, Any]) -> bool:
    """Return whether the account's credit is used up. Anthropic reports this with status 402, or with 400 and this
    text.
    """
    message = error.get("message")
    return error.get("type") == "billing_error" or (isinstance(message, str) and "credit balance" in message)


_UNAUTHORIZED: Final = 401
_PAYMENT_REQUIRED: Final = 402
# 529: the vendor is overloaded by all of its customers together.
_BUSY_STATUSES: Final = (429, 503, 529)
_SLOW_STATUSES: Final = (408, 504)
# Errors inside a stream have no HTTP status. This table maps each error type to the status of the same HTTP error.
_STATUSES: Final = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_CUT_AT_LIMIT: Final = ("max_tokens", "model_context_window_exceeded")
_CACHED: Final = {"cache_control": {"type": "ephemeral"}}


# --- the request ----------------------------------------------------------------------------------------------------


def make_system(request: ChatRequest) -> list[dict[str, Any]]:
    """Return the agent's prompt and the note on this call as blocks. The vendor caches the tools and the prompt."""
    prompt, note = request.system.strip(), request.call_note.strip()
    blocks: list[dict[str, Any]] = [{**_text(prompt), **_CACHED}] if prompt else []
    return [*blocks, _text(note)] if note else blocks


def make_messages(request: ChatRequest) -> list[dict[str, Any]]:
    """Return the conversation in the API's format."""
    turns = make_turns(request)
    calls = [part for turn in turns for part in turn.parts if isinstance(part, ToolCall)]
    # Anthropic refuses some characters that occur in ids of other vendors, so each call gets a new id.
    ids = {call.id: f"toolu_{number}" for number, call in enumerate(calls)}
    return [{"role": turn.role, "content": list(_blocks(turn, ids))} for turn in turns]


def make_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Return the tools in the API's format."""
    return [
        {"name": tool.name, "description": tool.description, "input_schema": dict(tool.parameters)} for tool in tools
    ]


def _blocks(turn: SpeakerTurn, ids: dict[str, str]) -> Iterator[dict[str, Any]]:
    for part in turn.parts:
        if isinstance(part, ToolCall):
            yield {"type": "tool_use", "id": ids[part.id], "name": part.name, "input": parse_arguments(part)}
        elif isinstance(part, ToolAnswer):
            yield {"type": "tool_result", "tool_use_id": ids[part.call.id], "content": part.text}
        else:
            yield _text(part)


def _text(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text}


# --- errors ---------------------------------------------------------------------------------------------------------


class AnthropicError(Struct):
    """The object under `error` in a response or stream event."""

    type: str = ""
    message: str = ""


class _Envelope(Struct):
    error: AnthropicError


def parse_error(body: bytes) -> AnthropicError:
    """Return the error in an HTTP response body; an empty error if the body has none."""
    try:
        return msgspec.json.decode(body, type=_Envelope).error
    except DECODE_ERRORS:
        return AnthropicError()


def make_http_error(provider: str, status: int, body: bytes) -> ProviderError:
    """Map an HTTP status other than 200 to a ProviderError."""
    error = parse_error(body)
    reason = f"HTTP {status} {_code(error)}".strip()
    return _map_error(provider, status, error, reason).with_answer(body)


def _map_error(provider: str, status: int, error: AnthropicError, reason: str) -> ProviderError:
    if status == _PAYMENT_REQUIRED or is_out_of_credit(msgspec.structs.asdict(error)):
        return ProviderBusy(provider, reason, retryable=False)
    if status in _BUSY_STATUSES:
        return ProviderBusy(provider, reason)
    # A 403 may also mean that the account lacks access to the model, so it does not count as a bad key.
    if status == _UNAUTHORIZED:
        return KeyRefused(provider, reason)
    if status in _SLOW_STATUSES:
        return ProviderSlow(provider, reason, may_bill=False)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


def _code(error: AnthropicError) -> str:
    """Return the error's type if it looks like an error code. The error's message is dropped, because it may quote
    anything.
    """
    return error.type if is_error_code(error.type) else ""


# --- the reply ------------------------------------------------------------------------------------------------------


class _Usage(Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None


class _MessageHead(Struct):
    usage: _Usage | None = None


class _Block(Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str = ""


class _Delta(Struct):
    type: str = ""
    text: str = ""
    partial_json: str = ""
    stop_reason: str | None = None


class _Event(Struct):
    """Any streamed event. Fields that the event's type does not have keep their defaults."""

    type: str = ""
    index: int = 0
    message: _MessageHead | None = None
    content_block: _Block | None = None
    delta: _Delta | None = None
    usage: _Usage | None = None
    error: AnthropicError | None = None


class MessageReader:
    """ReplyReader for one message. Reasoning does not count as progress, because the caller does not hear it."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._decoder = msgspec.json.Decoder(_Event)
        self._text: list[str] = []
        self._calls: dict[int, tuple[_Block, list[str]]] = {}  # block index -> block and the pieces of its input
        self._usage = _Usage()
        self._stop_reason = ""
        self.has_begun = False
        self.done = False

    @property
    def is_complete(self) -> bool:
        """Whether the reply's stop reason was received."""
        return bool(self._stop_reason)

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Process the data of one event and return the resulting events. Raises ProviderError."""
        event = self._decode(data)
        match event.type:
            case "message_start":
                self._add_usage(event.message.usage if event.message else None)
            case "content_block_start":
                return self._begin_block(event.index, event.content_block or _Block())
            case "content_block_delta":
                return self._add(event.index, event.delta or _Delta())
            case "message_delta":
                self._add_usage(event.usage)
                self._stop_reason = (event.delta.stop_reason if event.delta else None) or self._stop_reason
            case "message_stop":
                self.done = True
        return []  # pings, ends of blocks, and event types of later API versions

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """Return the tool calls and the usage.

        Raises:
            ProviderError: The stream was cut.
            ReplyUnusable: The model declined, or a tool call was cut at the token limit.
        """
        if not (self.done or self._stop_reason):
            raise ProviderError(self._provider, "the stream was cut", cause="cut")
        if self._stop_reason == "refusal":
            raise ReplyUnusable(self._provider, "the model declined")
        if self._calls and self._stop_reason in _CUT_AT_LIMIT:
            raise ReplyUnusable(self._provider, "a tool call was cut at the token limit")
        calls = [self._make_call(index) for index in sorted(self._calls)]
        return [*calls, self.spent(request)]

    def spent(self, request: ChatRequest) -> TokenUsage:
        """Return the usage that the stream has reported so far; missing counts are estimated."""
        pieces = (piece for _, parts in self._calls.values() for piece in parts)
        estimate = providers_chat.estimate_tokens(request, "".join(self._text) + "".join(pieces))
        usage = self._usage
        if usage.input_tokens is None:
            return estimate
        told = usage.output_tokens or 0
        is_told = bool(self._stop_reason and told)
        return TokenUsage(
            usage.input_tokens,
            told if is_told else max(told, estimate.completion),
            estimated=not is_told,
            cached=usage.cache_read_input_tokens or 0,
            cache_write=usage.cache_creation_input_tokens or 0,
        )

    def _decode(self, data: bytes) -> _Event:
        try:
            event = self._decoder.decode(data)
        except DECODE_ERRORS:
            raise ProviderError(self._provider, "an unreadable event", cause="unreadable") from None
        if event.type == "error" or event.error is not None:
            found = event.error or AnthropicError()
            reason = f"error in the stream {_code(found)}".strip()
            raise _map_error(self._provider, _STATUSES.get(found.type, 0), found, reason).with_answer(data)
        return event

    def _add_usage(self, usage: _Usage | None) -> None:
        """Store the counts. They are cumulative, so a later count replaces an earlier one."""
        for name, value in msgspec.structs.asdict(usage or _Usage()).items():
            if value is not None:
                setattr(self._usage, name, value)

    def _begin_block(self, index: int, block: _Block) -> list[LanguageModelEvent]:
        if block.type == "tool_use":
            self._calls[index] = (block, [])
            return self._show("")
        return self._show(block.text) if block.text else []

    def _add(self, index: int, delta: _Delta) -> list[LanguageModelEvent]:
        if delta.type == "text_delta" and delta.text:
            return self._show(delta.text)
        if delta.type == "input_json_delta" and index in self._calls:
            self._calls[index][1].append(delta.partial_json)
            return self._show("")
        return []

    def _show(self, text: str) -> list[LanguageModelEvent]:
        """Return a text event. The text is empty while the model writes a tool call, which shows progress."""
        self.has_begun = True
        self._text.append(text)
        return [TextDelta(text)]

    def _make_call(self, index: int) -> ToolCall:
        block, pieces = self._calls[index]
        if not block.name:
            raise ReplyUnusable(self._provider, "a tool call without a name")
        return ToolCall(block.id or f"call_{index}", block.name, "".join(pieces) or "{}")
