"""A simulated server for Anthropic's Messages API, with its validation and error messages.

Requests are translated into chat completions, which the simulated models read. The simulator follows the source of the
official SDK (docs/develop/vendors/anthropic.md). It is tested with this SDK and with pipecat's service.

Sources: the anthropic SDK 2.15.0 (`_constants.py`, `types/message_create_params.py`, `types/shared/`, `types/raw_*.py`,
`types/message.py`, `types/usage.py`) and platform.claude.com "Migrating to API version 2026-10-21".
"""

import json
import random
import re
import string
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.chat_reply import ChatReply, ToolUse, greet
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, one_account
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection

KNOWN_FIELDS: Final = frozenset(
    {
        "model",
        "max_tokens",
        "messages",
        "stream",
        "system",
        "tools",
        "tool_choice",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "thinking",
        "output_config",
        "cache_control",
        "metadata",
        "service_tier",
        "speed",
        "inference_geo",
        "container",
    }
)
VERSION: Final = "2026-10-21"
OLD_VERSION: Final = "2023-06-01"
_SAMPLING: Final = ("temperature", "top_p", "top_k")
THINKING: Final = frozenset({"disabled", "enabled", "adaptive", "between_tools"})
_ID: Final = re.compile(r"[a-zA-Z0-9_-]+")
_TYPES: Final[Mapping[int, str]] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    404: "not_found_error",
    429: "rate_limit_error",
    500: "api_error",
    529: "overloaded_error",
}


@dataclass(eq=False)
class MessagesRefusal(Exception):
    """A request that the simulator answers with an error status."""

    status: int
    message: str

    def body(self) -> dict[str, Any]:
        """Return the response body in Anthropic's format."""
        return error_body(_TYPES[self.status], self.message)


def error_body(kind: str, message: str) -> dict[str, Any]:
    """Return an error object, for a response or for an event inside a stream."""
    error = {"type": kind, "message": message}
    return {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def check_version(version: str | None) -> str:
    """Return the API version that a request names in its header. Raises MessagesRefusal."""
    if version is None:
        raise MessagesRefusal(400, "anthropic-version: header is required")
    if version not in (VERSION, OLD_VERSION):
        raise MessagesRefusal(400, f'anthropic-version: "{version}" is not a valid version')
    return version


def check_body(body: Any, *, version: str = VERSION, fixed_temperature: bool = False) -> None:
    """Validate a request's body. Raises MessagesRefusal with the first fault.

    Args:
        body: The decoded JSON body.
        version: The API version that the request names.
        fixed_temperature: Whether the model refuses a temperature in the older version, too.
    """
    for fault in _faults(body, version=version, fixed_temperature=fixed_temperature):
        raise MessagesRefusal(400, fault)


def _faults(body: Any, *, version: str, fixed_temperature: bool) -> Iterator[str]:
    if not isinstance(body, dict):
        yield "The request body is not valid JSON"
        return
    yield from (f"{name}: Field required" for name in ("model", "max_tokens", "messages") if not body.get(name))
    yield from (f"{name}: Extra inputs are not permitted" for name in sorted(set(body) - KNOWN_FIELDS))
    if version != OLD_VERSION:
        yield from (f"{name}: Extra inputs are not permitted" for name in _SAMPLING if name in body)
    if fixed_temperature and "temperature" in body:
        yield "`temperature` is deprecated for this model."
    if (body.get("thinking") or {"type": "disabled"}).get("type") not in THINKING:
        yield "thinking: Input tag found using 'type' does not match any of the expected tags"
    yield from _schema_faults((body.get("output_config") or {}).get("format"))
    for block in body.get("system") or []:
        if isinstance(block, dict) and not block.get("text", "").strip():
            yield "system: text content blocks must be non-empty"
    yield from _message_faults(body.get("messages") or [])


def _schema_faults(wanted: Any) -> Iterator[str]:
    """Yield the faults of a structured output format. Each object of the schema must be closed."""
    if wanted is None:
        return
    if wanted.get("type") != "json_schema" or not isinstance(wanted.get("schema"), dict):
        yield "output_config.format: Input should be a json_schema with a schema"
        return
    parts = [wanted["schema"]]
    while parts:
        part = parts.pop()
        if part.get("type") == "object" and part.get("additionalProperties") is not False:
            yield "output_config.format.schema: For 'object' type, 'additionalProperties' must be set to false"
        parts += [schema for schema in (part.get("properties") or {}).values() if isinstance(schema, dict)]


def _message_faults(messages: list[Any]) -> Iterator[str]:
    """Yield the faults of the conversation.

    Turns must alternate once consecutive turns of one role are combined, and the next turn must answer each tool call.
    """
    if messages and messages[0].get("role") != "user":
        yield 'messages: first message must use the "user" role'
    if messages and messages[-1].get("role") == "assistant":
        yield "This model does not support assistant message prefill. The conversation must end with a user message."
    open_ids: list[str] = []
    seen: set[str] = set()
    for index, message in enumerate(messages):
        blocks = blocks_of(message)
        results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
        calls = [block["id"] for block in blocks if block["type"] == "tool_use"]
        if set(open_ids) - set(results):
            yield (
                f"messages.{index}: `tool_use` ids were found without `tool_result` blocks immediately after: "
                f"{', '.join(sorted(set(open_ids) - set(results)))}"
            )
        if set(results) - set(open_ids):
            yield f"messages.{index}: unexpected `tool_use_id` found in `tool_result` blocks"
        if seen & set(calls) or len(set(calls)) < len(calls):
            yield f"messages.{index}: `tool_use` ids must be unique"
        if not all(map(_ID.fullmatch, calls)):
            yield f"messages.{index}: tool_use.id: String should match pattern '^[a-zA-Z0-9_-]+$'"
        if not blocks or any(block["type"] == "text" and not block["text"].strip() for block in blocks):
            yield "messages: text content blocks must be non-empty"
        open_ids, seen = calls, seen | set(calls)


def blocks_of(message: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a message's content as blocks; a plain text becomes one block."""
    content = message.get("content") or []
    return [{"type": "text", "text": content}] if isinstance(content, str) else list(content)


def to_chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a Messages request into a chat completions request, which the simulated models read."""
    system = body.get("system") or []
    texts = [system] if isinstance(system, str) else [block["text"] for block in system]
    messages: list[dict[str, Any]] = [{"role": "system", "content": "\n\n".join(texts)}] if texts else []
    for message in body["messages"]:
        messages.extend(_chat_messages(message["role"], blocks_of(message)))
    functions = [
        {"name": tool["name"], "description": tool.get("description", ""), "parameters": tool["input_schema"]}
        for tool in body.get("tools") or []
    ]
    chat: dict[str, Any] = {
        "messages": messages,
        "tools": [{"type": "function", "function": function} for function in functions],
    }
    wanted = (body.get("output_config") or {}).get("format")
    if wanted:
        chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": wanted["schema"]}}
    return chat


def _chat_messages(role: str, blocks: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    calls = [
        {
            "id": block["id"],
            "type": "function",
            "function": {"name": block["name"], "arguments": json.dumps(block["input"])},
        }
        for block in blocks
        if block["type"] == "tool_use"
    ]
    texts = [block["text"] for block in blocks if block["type"] == "text"]
    if calls:
        yield {"role": role, "content": " ".join(texts), "tool_calls": calls}
        return
    for block in blocks:
        if block["type"] == "tool_result":
            yield {"role": "tool", "tool_call_id": block["tool_use_id"], "content": block["content"]}
    yield from ({"role": role, "content": text} for text in texts)


def count_tokens(*parts: Any) -> int:
    """Count tokens; each word of the JSON text counts as one token."""
    return sum(len(json.dumps(part).split()) for part in parts if part)


@dataclass(slots=True)
class MessageStream:
    """Generates the events of one reply.

    Attributes:
        cached: Prompt tokens that were read from the cache.
        written: Prompt tokens that are written to the cache.
    """

    body: Mapping[str, Any]
    reply: ChatReply
    cached: int = 0
    written: int = 0
    model: str = field(init=False)
    garbage: bytes = field(default=b'event: content_block_delta\ndata: {"type":"content_bl\n\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    reasoning: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "msg_" + "".join(random.choices(string.ascii_letters, k=12)))

    def __post_init__(self) -> None:
        self.model = str(self.body["model"])
        self.prompt_tokens = count_tokens(self.body.get("system"), self.body.get("tools"), self.body["messages"])

    def head(self) -> Iterator[bytes]:
        """Yield the start of the message and a ping."""
        yield _event("message_start", message={**self._message(), "usage": {**self._input(), "output_tokens": 1}})
        yield _event("ping")

    def tokens(self) -> Iterator[bytes]:
        """Yield one delta per token. The first event of a block also starts the block."""
        words = self._words()
        for place, word in enumerate(words):
            self.completion_tokens += 1
            began = self._begin(0, {"type": "text", "text": ""}) if place == 0 else b""
            ended = _event("content_block_stop", index=0) if place == len(words) - 1 else b""
            yield began + self._delta(0, {"type": "text_delta", "text": word}) + ended
        for place, tool in enumerate(self.reply.tools, start=bool(words)):
            yield from self._tool(place, tool)

    def end(self) -> Iterator[bytes]:
        """Yield the stop reason with the cumulative usage, then the end of the message."""
        delta = {"stop_reason": self.stop_reason, "stop_sequence": None}
        yield _event("message_delta", delta=delta, usage={"output_tokens": self.completion_tokens})
        yield _event("message_stop")

    def error(self) -> Iterator[bytes]:
        """Yield an error that occurs after the stream began."""
        body = error_body("overloaded_error", "Overloaded")
        yield b"event: error\ndata: " + json.dumps(body).encode() + b"\n\n"

    @property
    def stop_reason(self) -> str:
        """Why the reply ends, by Anthropic's names."""
        is_cut = not self.reply.tools and len(self._words()) < len(_split(self.reply.text))
        return self.reply.finish or ("tool_use" if self.reply.tools else "max_tokens" if is_cut else "end_turn")

    def make_message(self) -> dict[str, Any]:
        """Return the whole reply as one message and count its tokens."""
        for _ in self.tokens():
            pass
        text = "".join(self._words())
        content: list[dict[str, Any]] = [{"type": "text", "text": text}] if text else []
        content += [
            {"type": "tool_use", "id": self._tool_id(place), "name": tool.name, "input": json.loads(tool.arguments)}
            for place, tool in enumerate(self.reply.tools)
        ]
        usage = {**self._input(), "output_tokens": self.completion_tokens}
        return {**self._message(), "content": content, "stop_reason": self.stop_reason, "usage": usage}

    def _words(self) -> list[str]:
        return _split(self.reply.text)[: self.body["max_tokens"]]

    def _tool(self, index: int, tool: ToolUse) -> Iterator[bytes]:
        """Yield the events of a tool call. A tool without arguments has an empty text as its input."""
        self.completion_tokens += 1
        block = {"type": "tool_use", "id": self._tool_id(index), "name": tool.name, "input": {}}
        yield self._begin(index, block) + self._delta(index, {"type": "input_json_delta", "partial_json": ""})
        arguments = "" if tool.arguments == "{}" else tool.arguments
        half = len(arguments) // 2
        for piece in filter(None, (arguments[:half], arguments[half:])):
            self.completion_tokens += 1
            yield self._delta(index, {"type": "input_json_delta", "partial_json": piece})
        yield _event("content_block_stop", index=index)

    def _tool_id(self, index: int) -> str:
        return f"toolu_01{self.id[-8:]}{index}"

    def _begin(self, index: int, block: Mapping[str, Any]) -> bytes:
        return _event("content_block_start", index=index, content_block=block)

    def _delta(self, index: int, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=index, delta=delta)

    def _input(self) -> dict[str, int]:
        return {
            "input_tokens": self.prompt_tokens - self.cached - self.written,
            "cache_creation_input_tokens": self.written,
            "cache_read_input_tokens": self.cached,
        }

    def _message(self) -> dict[str, Any]:
        return {
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
        }


def _split(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _event(kind: str, **fields: Any) -> bytes:
    data = json.dumps({"type": kind, **fields}, separators=(",", ":"))
    return f"event: {kind}\ndata: {data}\n\n".encode()


@dataclass(slots=True)
class AnthropicVendor:
    """The simulated vendor.

    Attributes:
        reply: Makes the reply to a request, which it gets as chat completions.
        first_token_s: Delay before the first token.
        token_s: Delay before each further token.
        models: The names that are accepted; None accepts any name.
        fixed_temperature: Models that refuse a temperature in the older API version, too.
        bodies: Bodies of the accepted requests.
    """

    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = greet
    first_token_s: float = 0.0
    token_s: float = 0.0
    models: frozenset[str] | None = None
    fixed_temperature: frozenset[str] = frozenset()
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _cached_prefixes: set[str] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/v1/messages", self._complete), web.options("/v1/messages", _allow)]

    @property
    def chat_bodies(self) -> list[dict[str, Any]]:
        """Accepted requests, translated into chat completions."""
        return [to_chat_body(body) for body in self.bodies]

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("llm")
        if is_dropped(faults):
            return await drop_request(request, faults)
        try:
            stream = await self._accept(request, faults)
        except MessagesRefusal as refusal:
            headers = {"retry-after": "2"} if refusal.status == 429 else {}
            return web.json_response(refusal.body(), status=refusal.status, headers=headers)
        sender = ReplySender(self.state, self.first_token_s, self.token_s)
        if stream.body.get("stream"):
            return await sender.send(request, stream, faults)
        return await self._answer(request, stream, faults, sender)

    async def _accept(self, request: web.Request, faults: FaultInjector) -> MessageStream:
        """Check the key, the version and the body. Raises MessagesRefusal."""
        if faults.has("unauthorized") or _key(request) != self.state.key:
            raise MessagesRefusal(401, "invalid x-api-key")
        version = check_version(request.headers.get("anthropic-version"))
        if faults.has("no_credit"):
            raise MessagesRefusal(402, "Your credit balance is too low to access the Anthropic API.")
        if faults.has("rate_limited"):
            raise MessagesRefusal(429, "This request would exceed your organization's rate limit.")
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            raise MessagesRefusal(400, "The request body is not valid JSON") from error
        check_body(body, version=version, fixed_temperature=body.get("model") in self.fixed_temperature)
        if self.models is not None and body["model"] not in self.models:
            raise MessagesRefusal(404, f"model: {body['model']}")
        self.bodies.append(body)
        stream = MessageStream(body, self.reply(to_chat_body(body)))
        self._cache(stream)
        return stream

    def _cache(self, stream: MessageStream) -> None:
        """Simulate prompt caching: read the tools and system prompt up to the last cache mark from the cache, or write
        them.
        """
        blocks = stream.body.get("system") or []
        marked = [place for place, block in enumerate(blocks) if isinstance(block, dict) and "cache_control" in block]
        if not marked:
            return
        prefix = [stream.body.get("tools"), blocks[: marked[-1] + 1]]
        key, size = json.dumps([stream.model, prefix]), min(count_tokens(*prefix), stream.prompt_tokens)
        if key in self._cached_prefixes:
            stream.cached = size
        else:
            stream.written = size
        self._cached_prefixes.add(key)

    async def _answer(
        self, request: web.Request, stream: MessageStream, faults: FaultInjector, sender: ReplySender
    ) -> web.StreamResponse:
        """Answer with the whole reply in one response."""
        if faults.has("error"):
            return web.json_response(MessagesRefusal(529, "Overloaded").body(), status=529)
        await faults.wait(self.first_token_s)
        try:
            is_garbage = await faults.begin_unit()
        except FaultCut:
            reset_connection(request)
            return web.Response()
        message = stream.make_message()
        sender.bill(stream)
        if is_garbage:
            return web.Response(body=b'{"content":[{"te', content_type="application/json")
        return web.json_response(message)


def _key(request: web.Request) -> str:
    """Return the request's key. SDKs before 2 send `x-api-key`, later SDKs send a bearer token."""
    return request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")


async def _allow(request: web.Request) -> web.StreamResponse:
    """Answer the preflight request that browsers send without a key."""
    return web.Response(status=204, headers={"Allow": "POST"})


def _make(state: VendorState, setting: ServerSetting) -> AnthropicVendor:
    return AnthropicVendor(state, setting.reply, setting.first_token_s, setting.token_s)


_HAIKU: Final = {"model": "claude-haiku-4-5"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"llm": _HAIKU},
    providers=(SimulatedProvider("anthropic", "llm", _HAIKU),),
    scheme="https",
)
