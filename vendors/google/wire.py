"""Messages, URLs and errors of Google's Gemini API, shared by media and control; no I/O.

The API is described in docs/develop/vendors/google.md. Sources: the google-genai SDK 3.6.1 (`_api_client.py`,
`models.py`, `types.py`, `errors.py`). The thinking levels of the models come from
ai.google.dev/gemini-api/docs/thinking, as pipecat-ai 1.14.0 implements them.
"""

import base64
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import quote
from uuid import uuid4

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
    join_texts,
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

VERSION: Final = "v1beta"
_VERSIONS: Final = re.compile(r"/v1(?:beta|alpha)?$")
# Suffix of a model's name that identifies a build.
_BUILD: Final = re.compile(r"-\d{3}$")
# Models whose lowest thinking level is "low".
_NO_MINIMUM: Final = ("gemini-3.7-flash", "gemini-3.8-flash", "gemini-4-argon")
_KEY_REASONS: Final = ("API_KEY_INVALID", "API_KEY_EXPIRED")


def make_gemini_url(base_url: str, model: str, *, is_streamed: bool) -> str:
    """Return the URL for a model's reply. The key is never part of the URL, because URLs are logged.

    Args:
        base_url: The server's URL, with or without the version at its end.
        model: The model's name.
        is_streamed: Whether the reply is streamed.
    """
    base = base_url.rstrip("/")
    if not _VERSIONS.search(base):
        base = f"{base}/{VERSION}"
    name = quote(model.removeprefix("models/"), safe="")
    return f"{base}/models/{name}:" + ("streamGenerateContent?alt=sse" if is_streamed else "generateContent")


def make_headers(key: str) -> dict[str, str]:
    """Return the header with the key; no header for a server without keys."""
    return {"x-goog-api-key": key} if key else {}


def choose_thinking(model: str, level: str | None) -> Mapping[str, Any]:
    """Return the request's `thinkingConfig`; empty for the vendor's default.

    Args:
        model: The model's name.
        level: `minimal` to `high`. None selects the least that the model supports, which is none for the Flash models
            of 2.5.
    """
    if level is not None:
        return {"thinkingLevel": level}
    name = _BUILD.sub("", model.removeprefix("models/"))
    if name.startswith("gemini-2.5"):
        return {"thinkingBudget": 128 if "pro" in name else 0}
    if not name.startswith(("gemini-3", "gemini-4")):
        return {}
    return {"thinkingLevel": "low" if "pro" in name or name in _NO_MINIMUM else "minimal"}


def needs_signatures(model: str) -> bool:
    """Return whether the model refuses a conversation with a tool call that has no `thoughtSignature`."""
    return not model.removeprefix("models/").startswith(("gemini-1", "gemini-2"))


def is_key_refused(status: int, error: Mapping[str, Any]) -> bool:
    """Return whether the error refuses the key. Gemini reports this with status 401, or 400 with a reason.

    Args:
        status: The HTTP status.
        error: The object under `error`.
    """
    details = error.get("details")
    reasons = (
        [detail.get("reason") for detail in details if isinstance(detail, Mapping)] if isinstance(details, list) else []
    )
    return status == 401 or any(reason in _KEY_REASONS for reason in reasons)


def is_day_used_up(error: Mapping[str, Any]) -> bool:
    """Return whether a 429 response concerns a daily quota, so that a retry does not help."""
    details = error.get("details")
    violations = [
        violation
        for one in (details if isinstance(details, list) else [])
        if isinstance(one, Mapping) and isinstance(one.get("violations"), list)
        for violation in one["violations"]
        if isinstance(violation, Mapping)
    ]
    return any("PerDay" in str(violation.get("quotaId", "")) for violation in violations)


_PAYMENT_REQUIRED: Final = 402
_BUSY_STATUSES: Final = (429, 503)
_SLOW_STATUSES: Final = (408, 499, 504)
# Replaces the signature of calls that this model did not write, such as calls of other models or of a lost node. The
# field contains bytes, so the value is base64.
NO_SIGNATURE: Final = base64.b64encode(b"skip_thought_signature_validator").decode()
# Finish reasons of a valid reply. "CONTINUATION" and "MAX_TOKENS" mean that the reply is valid as far as it goes.
_WHOLE: Final = ("STOP", "MAX_TOKENS", "CONTINUATION", "FINISH_REASON_UNSPECIFIED")


# --- the request ----------------------------------------------------------------------------------------------------


def make_system(request: ChatRequest) -> dict[str, Any] | None:
    """Return the agent's prompt and the note on this call. The vendor caches common prefixes automatically."""
    text = join_texts(request.system, request.call_note).strip()
    return {"parts": [{"text": text}]} if text else None


def make_contents(request: ChatRequest, signatures: Mapping[str, str] | None) -> list[dict[str, Any]]:
    """Return the conversation in the API's format.

    Args:
        request: The request.
        signatures: Tool call id -> signature. None for a model that needs no signatures.
    """
    return [content for turn in make_turns(request) for content in _contents(turn, signatures)]


def make_tools(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """Return the tools in the API's format; an empty list if there are no tools."""
    declarations = [
        {"name": tool.name, "description": tool.description, "parametersJsonSchema": dict(tool.parameters)}
        for tool in tools
    ]
    return [{"functionDeclarations": declarations}] if declarations else []


def _contents(turn: SpeakerTurn, signatures: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
    """Yield the contents of a turn. Tool results must be separate from the words spoken after them."""
    role = "model" if turn.role == "assistant" else "user"
    parts = list(_parts(turn, signatures))
    results = [part for part in parts if "functionResponse" in part]
    yield from ({"role": role, "parts": group} for group in (results, parts[len(results) :]) if group)


def _parts(turn: SpeakerTurn, signatures: Mapping[str, str] | None) -> Iterator[dict[str, Any]]:
    is_first = True  # only the first of several simultaneous calls has a signature
    for part in turn.parts:
        if isinstance(part, ToolCall):
            yield {"functionCall": _call(part), **_signature(part, signatures, is_first=is_first)}
            is_first = False
        elif isinstance(part, ToolAnswer):
            answer = {"id": part.call.id, "name": part.call.name, "response": {"output": part.text}}
            yield {"functionResponse": answer}
        else:
            yield {"text": part}


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "name": call.name, "args": parse_arguments(call)}


def _signature(call: ToolCall, signatures: Mapping[str, str] | None, *, is_first: bool) -> dict[str, str]:
    if signatures is None:
        return {}
    known = signatures.get(call.id, NO_SIGNATURE if is_first else "")
    return {"thoughtSignature": known} if known else {}


# --- errors ---------------------------------------------------------------------------------------------------------


class GeminiError(Struct):
    """The object under `error` in a response or stream event.

    Attributes:
        status: A name such as `RESOURCE_EXHAUSTED`.
        details: Not typed, because its structure varies.
    """

    code: int = 0
    status: str = ""
    details: Any = None


class _Envelope(Struct):
    error: GeminiError


def parse_error(body: bytes) -> GeminiError:
    """Return the error in an HTTP response body, which may be in a list; an empty error if there is none."""
    try:
        found = msgspec.json.decode(body, type=_Envelope | list[_Envelope])
    except DECODE_ERRORS:
        return GeminiError()
    if isinstance(found, list):
        return found[0].error if found else GeminiError()
    return found.error


def make_http_error(provider: str, status: int, body: bytes) -> ProviderError:
    """Map an HTTP status other than 200 to a ProviderError."""
    error = parse_error(body)
    return _map_error(provider, status, error, f"HTTP {status}").with_answer(body)


def _map_error(provider: str, status: int, error: GeminiError, place: str) -> ProviderError:
    reason = f"{place} {error.status}" if is_error_code(error.status) else place
    fields = msgspec.structs.asdict(error)
    if is_key_refused(status, fields):
        return KeyRefused(provider, reason)
    if status == _PAYMENT_REQUIRED or status in _BUSY_STATUSES:
        return ProviderBusy(provider, reason, retryable=status != _PAYMENT_REQUIRED and not is_day_used_up(fields))
    if status in _SLOW_STATUSES:
        return ProviderSlow(provider, reason, may_bill=False)
    return ProviderError(provider, reason, retryable=status >= 500 or not status, cause=cause_of_status(status))


# --- the reply ------------------------------------------------------------------------------------------------------


class _FunctionCall(Struct):
    name: str = ""
    id: str = ""
    args: dict[str, Any] | None = None


class _Part(Struct, rename="camel"):
    text: str = ""
    thought: bool = False
    function_call: _FunctionCall | None = None
    thought_signature: str = ""


class _Content(Struct):
    parts: list[_Part] | None = None


class _Candidate(Struct, rename="camel"):
    content: _Content | None = None
    finish_reason: str | None = None


class _UsageMetadata(Struct, rename="camel"):
    prompt_token_count: int | None = None
    cached_content_token_count: int | None = None
    candidates_token_count: int | None = None
    thoughts_token_count: int | None = None
    tool_use_prompt_token_count: int | None = None


class _PromptFeedback(Struct, rename="camel"):
    block_reason: str = ""


class _Chunk(Struct, rename="camel"):
    candidates: list[_Candidate] = []
    usage_metadata: _UsageMetadata | None = None
    prompt_feedback: _PromptFeedback | None = None
    error: GeminiError | None = None


class ContentReader:
    """ReplyReader for one reply. Thoughts do not count as progress, because the caller does not hear them.

    Args:
        provider: The provider's name.
        signatures: Receives the signatures of tool calls by their ids.
    """

    def __init__(self, provider: str, signatures: dict[str, str]) -> None:
        self._provider = provider
        self._signatures = signatures
        self._decoder = msgspec.json.Decoder(_Chunk)
        self._text: list[str] = []
        self._calls: list[ToolCall] = []
        self._usage: TokenUsage | None = None
        self._finish = ""
        self.has_begun = False
        self.done = False  # stays False, because the stream has no end marker

    @property
    def is_complete(self) -> bool:
        """Whether the reply's finish reason was received."""
        return bool(self._finish)

    def feed(self, data: bytes) -> list[LanguageModelEvent]:
        """Process the data of one event and return the resulting events. Raises ProviderError."""
        chunk = self._decode(data)
        if chunk.usage_metadata is not None:
            self._usage = _token_usage(chunk.usage_metadata)  # covers the whole reply so far
        if chunk.prompt_feedback is not None and chunk.prompt_feedback.block_reason:
            raise self._withheld("the prompt was blocked", chunk.prompt_feedback.block_reason)
        return self._candidate(chunk.candidates[0]) if chunk.candidates else []

    def finish(self, request: ChatRequest) -> list[LanguageModelEvent]:
        """Return the tool calls and the usage.

        Raises:
            ProviderError: The stream was cut.
            ReplyUnusable: The vendor withheld the reply.
        """
        if not self._finish:
            raise ProviderError(self._provider, "the stream was cut", cause="cut")
        if self._finish not in _WHOLE:
            raise self._withheld("the reply was ended", self._finish)
        return [*self._calls, self._usage or self._estimate(request)]

    def spent(self, request: ChatRequest) -> TokenUsage:
        """Return the usage that the stream has reported so far, or an estimate."""
        estimate = self._estimate(request)
        if self._usage is None:
            return estimate
        completion = max(self._usage.completion, estimate.completion)
        return TokenUsage(self._usage.prompt, completion, estimated=True, cached=self._usage.cached)

    def _estimate(self, request: ChatRequest) -> TokenUsage:
        arguments = "".join(call.arguments for call in self._calls)
        return providers_chat.estimate_tokens(request, "".join(self._text) + arguments)

    def _decode(self, data: bytes) -> _Chunk:
        try:
            chunk = self._decoder.decode(data)
        except DECODE_ERRORS:
            raise ProviderError(self._provider, "an unreadable chunk", cause="unreadable") from None
        if chunk.error is not None:
            raise _map_error(self._provider, chunk.error.code, chunk.error, "error in the stream").with_answer(data)
        return chunk

    def _candidate(self, candidate: _Candidate) -> list[LanguageModelEvent]:
        self._finish = candidate.finish_reason or self._finish
        parts = candidate.content.parts if candidate.content else None
        return [event for part in parts or () for event in self._part(part)]

    def _part(self, part: _Part) -> list[LanguageModelEvent]:
        if part.function_call is not None:
            self._add_call(part.function_call, part.thought_signature)
            return self._show("")
        return self._show(part.text) if part.text and not part.thought else []

    def _add_call(self, call: _FunctionCall, signature: str) -> None:
        if not call.name:
            raise ReplyUnusable(self._provider, "a tool call without a name")
        call_id = call.id or f"call_{uuid4().hex[:12]}"
        if signature:
            self._signatures[call_id] = signature
        self._calls.append(ToolCall(call_id, call.name, msgspec.json.encode(call.args or {}).decode()))

    def _show(self, text: str) -> list[LanguageModelEvent]:
        """Return a text event. The text is empty for a tool call, which shows progress."""
        self.has_begun = True
        self._text.append(text)
        return [TextDelta(text)]

    def _withheld(self, what: str, reason: str) -> ReplyUnusable:
        return ReplyUnusable(self._provider, f"{what}: {reason}" if is_error_code(reason) else what)


def _token_usage(usage: _UsageMetadata) -> TokenUsage:
    """Return the usage. The API's prompt tokens include cached tokens; its candidate tokens exclude thoughts."""
    prompt = (usage.prompt_token_count or 0) + (usage.tool_use_prompt_token_count or 0)
    cached = min(usage.cached_content_token_count or 0, prompt)
    completion = (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0)
    return TokenUsage(prompt - cached, completion, cached=cached)
