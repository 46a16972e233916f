"""OpenAI's chat completions as data: the request's body, and a reply read from its streamed chunks; no socket."""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from media.providers import tokens
from media.providers.ports import (
    Ask,
    Message,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    ThinkEvent,
    TokenUsage,
    ToolCall,
    ToolSpec,
    Words,
)

DONE: Final = b"[DONE]"
# Told to the model where a call was interrupted before its tool answered: the API wants a result for every call.
NO_RESULT: Final = "No result: the call was interrupted."

_IDENTIFIER: Final = re.compile(r"[A-Za-z0-9_.\-]{1,60}")
_BUSY_CODES: Final = ("rate_limit_exceeded", "rate_limit_error", "overloaded_error", "overloaded", "insufficient_quota")


# --- the request ----------------------------------------------------------------------------------------------------


def chat(ask: Ask) -> list[dict[str, Any]]:
    """The conversation in the API's own shape; every tool call gets a result, even if it never had one."""
    messages = [{"role": "system", "content": ask.system}] if ask.system else []
    results = {message.tool_call_id: message.text for message in ask.messages if message.role == "tool"}
    for message in ask.messages:
        messages.extend(_entries(message, results))
    return messages


def functions(tools: Sequence[ToolSpec]) -> list[dict[str, Any]]:
    """The tools in the API's own shape."""
    return [{"type": "function", "function": _function(tool)} for tool in tools]


def _function(tool: ToolSpec) -> dict[str, Any]:
    return {"name": tool.name, "description": tool.description, "parameters": dict(tool.parameters)}


def _entries(message: Message, results: dict[str, str]) -> Iterable[dict[str, Any]]:
    if message.role == "user":
        yield {"role": "user", "content": message.text}
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


class ErrorBody(Struct):
    """What vendors put under `error`. Their `message` may quote the key or the caller, so it is never passed on."""

    code: str | int | None = None
    type: str | None = None


class _Envelope(Struct):
    error: ErrorBody | str | None = None


def refusal(provider: str, status: int, body: bytes) -> ProviderError:
    """The error for an HTTP status that isn't 200."""
    try:
        error = msgspec.json.decode(body, type=_Envelope).error
    except msgspec.MsgspecError:
        error = None
    return _error(provider, status, error if isinstance(error, ErrorBody) else ErrorBody())


def _error(provider: str, status: int, error: ErrorBody) -> ProviderError:
    code = _identifier(error.code) or _identifier(error.type)
    reason = f"HTTP {status} {code}".strip() if status else f"error in the stream {code}".strip()
    broke = code == "insufficient_quota"
    if status in (429, 503, 529) or code in _BUSY_CODES:
        return ProviderBusy(provider, reason, retryable=not broke)
    if status in (408, 504):
        return ProviderSlow(provider, reason)
    return ProviderError(provider, reason, retryable=status >= 500 or not status)


def _identifier(code: str | int | None) -> str:
    return code if isinstance(code, str) and _IDENTIFIER.fullmatch(code) else ""


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
    tool_calls: list[_Fragment] | None = None


class _Choice(Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None


class _Usage(Struct):
    prompt_tokens: int = 0
    completion_tokens: int = 0


class _Groq(Struct):
    usage: _Usage | None = None
    error: str | None = None


class _Chunk(Struct):
    choices: list[_Choice] = []
    usage: _Usage | None = None
    error: ErrorBody | str | None = None
    x_groq: _Groq | None = None


class Reply:
    """One reply, chunk by chunk. alive: the model has begun. done: the stream said that it is complete."""

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._decoder = msgspec.json.Decoder(_Chunk)
        self._text: list[str] = []
        self._calls: dict[int, tuple[list[str], list[str], list[str]]] = {}  # id, name, arguments, in pieces
        self._usage: TokenUsage | None = None
        self._finish = ""
        self.alive = False
        self.done = False

    def take(self, data: bytes) -> list[ThinkEvent]:
        """The data of the next event; returns what can be told at once. Raises ProviderError, also for its errors."""
        if data.strip() == DONE:
            self.done = True
            return []
        chunk = self._decode(data)
        usage = chunk.usage or (chunk.x_groq.usage if chunk.x_groq else None)
        if usage:
            self._usage = TokenUsage(usage.prompt_tokens, usage.completion_tokens)
        return self._choice(chunk.choices[0]) if chunk.choices else []

    def finish(self, ask: Ask) -> list[ThinkEvent]:
        """The stream ended: tool calls, whole, and usage. Raises ProviderError when it ended before its end."""
        if not (self.done or self._finish):
            raise ProviderError(self._provider, "the stream was cut")
        if self._calls and self._finish == "length":
            raise ProviderError(self._provider, "a tool call was cut at the token limit")
        calls = [self._whole(index) for index in sorted(self._calls)]
        return [*calls, self._usage or self.spent(ask)]

    def spent(self, ask: Ask) -> TokenUsage:
        """What the request is likely to have cost, when the stream did not tell."""
        arguments = ("".join(arguments) for _, _, arguments in self._calls.values())
        return self._usage or tokens.estimate(ask, "".join(self._text) + "".join(arguments))

    def _decode(self, data: bytes) -> _Chunk:
        try:
            chunk = self._decoder.decode(data)
        except msgspec.MsgspecError as error:
            raise ProviderError(self._provider, "an unreadable chunk") from error
        fault = chunk.error or (chunk.x_groq.error if chunk.x_groq else None)
        if fault:
            body = fault if isinstance(fault, ErrorBody) else ErrorBody()
            raise _error(self._provider, body.code if isinstance(body.code, int) else 0, body)
        return chunk

    def _choice(self, choice: _Choice) -> list[ThinkEvent]:
        self._finish = choice.finish_reason or self._finish
        if self._finish == "error":
            raise ProviderError(self._provider, "error in the stream")
        delta = choice.delta or _Delta()
        for fragment in delta.tool_calls or []:
            self._collect(fragment)
        return self._say(delta)

    def _say(self, delta: _Delta) -> list[ThinkEvent]:
        if delta.content:
            self._text.append(delta.content)
        elif not delta.tool_calls or self.alive:
            return []
        self.alive = True
        return [Words(delta.content or "")]  # empty: a tool call has begun, and that is all that can be told

    def _collect(self, fragment: _Fragment) -> None:
        ids, names, arguments = self._calls.setdefault(fragment.index, ([], [], []))
        function = fragment.function or _Function()
        if fragment.id and not ids:
            ids.append(fragment.id)
        if function.name and not names:
            names.append(function.name)
        if function.arguments:
            arguments.append(function.arguments)

    def _whole(self, index: int) -> ToolCall:
        ids, names, arguments = self._calls[index]
        if not names:
            raise ProviderError(self._provider, "a tool call without a name")
        return ToolCall(ids[0] if ids else f"call_{index}", names[0], "".join(arguments) or "{}")
