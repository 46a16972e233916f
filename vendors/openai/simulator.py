"""A simulated server of chat completions, embeddings and the Responses API, as OpenAI, Groq, OpenRouter, Azure and xAI
serve them.

- Chat completions are streamed or sent whole; unsupported values of `response_format` are refused.
- Embeddings use `/v1/embeddings`.
- The Responses API (`/v1/responses`) is streamed.

The simulator follows the vendors' documentation. It is tested with their SDKs and with pipecat's services.

Sources: OpenAI's API reference ("The chat completion object"), its guide "Structured Outputs" ("Supported schemas"),
platform.openai.com/docs/api-reference/embeddings, developers.openai.com/api/reference/resources/responses, and the
types of the openai SDK, which requests embeddings in base64.
"""

import asyncio
import base64
import hashlib
import json
import math
import random
import re
import string
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.chat_reply import ChatReply, ToolUse, greet
from simulator.vendors.entry import ServerSetting, SimulatedAccount, SimulatedProvider, SimulatorEntry
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.openai_request import (
    Flavour,
    Refusal,
    check_body,
    no_credit,
    rate_limited,
    unknown_model,
    wrong_key,
)
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection

CREATED: Final = 1_795_000_000
_FILTERS: Final = {
    name: {"filtered": False, "severity": "safe"} for name in ("hate", "self_harm", "sexual", "violence")
}


@dataclass(slots=True)
class ReplyStream:
    """Generates the events of one reply and counts its tokens. Each word counts as one token.

    Attributes:
        cached: Prompt tokens that were read from the cache.
        written: Prompt tokens that are written to the cache. OpenRouter reports them, and OpenAI for some models.
        reasoning: Additional billed tokens of reasoning before the reply. xAI counts them separately.
    """

    flavour: Flavour
    body: Mapping[str, Any]
    reply: ChatReply
    model: str
    cached: int = 0
    reasoning: int = 0
    written: int = 0
    garbage: bytes = field(default=b'data: {"choices":[{"delta":{"conte\n\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "chatcmpl-" + "".join(random.choices(string.ascii_letters, k=12)))

    def __post_init__(self) -> None:
        texts = [json.dumps(message) for message in (*self.body["messages"], *(self.body.get("tools") or []))]
        self.prompt_tokens = sum(len(text.split()) for text in texts)
        self.cached = min(self.cached, self.prompt_tokens)
        self.written = min(self.written, self.prompt_tokens - self.cached)

    def head(self) -> Iterator[bytes]:
        """Yield what the vendor sends before the first token."""
        if self.flavour == "openrouter":
            yield b": OPENROUTER PROCESSING\n\n"
        if self.flavour == "azure":
            results = [{"prompt_index": 0, "content_filter_results": _FILTERS}]
            blank = {"id": "", "object": "", "created": 0, "model": "", "choices": []}
            yield _event({**blank, "prompt_filter_results": results})

    def tokens(self) -> Iterator[bytes]:
        """Yield one event per token. The first event also contains the role. A token counts when its event is taken."""
        role: dict[str, Any] = {"role": "assistant", "content": ""}
        for word in self._words():
            self.completion_tokens += 1
            yield self._delta({**role, "content": word})
            role = {}
        for index, tool in enumerate(self.reply.tools):
            yield from self._tool(index, tool, role)
            role = {}

    def end(self) -> Iterator[bytes]:
        """Yield the finish reason, the usage if requested, and the end marker."""
        usage = self.usage()
        last = self._chunk([{"index": 0, "delta": {}, "finish_reason": self.finish, "logprobs": None}])
        yield _event({**last, "x_groq": {"id": f"req_{self.id}", "usage": usage}} if self.flavour == "groq" else last)
        wanted = bool((self.body.get("stream_options") or {}).get("include_usage")) or self.flavour == "openrouter"
        if wanted:
            yield _event({**self._chunk([]), "usage": usage})
        yield b"data: [DONE]\n\n"

    def error(self) -> Iterator[bytes]:
        """Yield an error after the stream began, in the vendor's format."""
        if self.flavour == "openrouter":
            choice = {"index": 0, "delta": {"content": ""}, "finish_reason": "error", "native_finish_reason": "error"}
            fields = {"code": 502, "message": "Provider disconnected"}
            yield _event({**self._chunk([choice]), "error": fields})
        elif self.flavour == "groq":
            failed = {"message": "over capacity", "type": "internal_server_error"}
            yield b"event: error\n" + _event({"error": failed})
        else:
            message = "The server had an error while processing your request."
            yield _event({"error": {"message": message, "type": "server_error", "param": None, "code": None}})

    def usage(self) -> dict[str, Any]:
        """Return the usage of the reply so far."""
        is_apart = self.flavour == "xai"
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": self.completion_tokens + (0 if is_apart else self.reasoning),
            "total_tokens": self.prompt_tokens + self.completion_tokens + self.reasoning,
            "prompt_tokens_details": {
                "cached_tokens": self.cached,
                **({"cache_write_tokens": self.written} if self.written else {}),
            },
            "completion_tokens_details": {"reasoning_tokens": self.reasoning},
        }

    @property
    def finish(self) -> str:
        """Why the reply ends."""
        return self.reply.finish or ("tool_calls" if self.reply.tools else self._finish_of_text())

    @property
    def sent_text(self) -> str:
        """The reply's text, cut at its token limit."""
        return "".join(self._words())

    def _words(self) -> list[str]:
        limit = self.body.get("max_completion_tokens") or self.body.get("max_tokens") or len(self.reply.text) + 1
        return re.findall(r"\S+\s*|\s+", self.reply.text)[:limit]

    def _finish_of_text(self) -> str:
        return "stop" if self.completion_tokens == len(re.findall(r"\S+\s*|\s+", self.reply.text)) else "length"

    def _tool(self, index: int, tool: ToolUse, role: dict[str, Any]) -> Iterator[bytes]:
        half = len(tool.arguments) // 2
        head = {"index": index, "id": f"call_{self.id[-6:]}_{index}", "type": "function"}
        self.completion_tokens += 1
        yield self._delta({**role, "tool_calls": [{**head, "function": {"name": tool.name, "arguments": ""}}]})
        for piece in (tool.arguments[:half], tool.arguments[half:]):
            self.completion_tokens += 1
            yield self._delta({"tool_calls": [{"index": index, "function": {"arguments": piece}}]})

    def _delta(self, delta: dict[str, Any]) -> bytes:
        choice: dict[str, Any] = {"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}
        if self.flavour == "azure":
            choice["content_filter_results"] = _FILTERS
        chunk = self._chunk([choice])
        options = self.body.get("stream_options") or {}
        if self.flavour == "openai" and options.get("include_obfuscation", True):
            chunk["obfuscation"] = "".join(random.choices(string.ascii_letters + string.digits, k=8))
        if self.flavour == "groq" and "role" in delta:
            chunk["x_groq"] = {"id": f"req_{self.id}"}
        return _event(chunk)

    def _chunk(self, choices: list[dict[str, Any]]) -> dict[str, Any]:
        chunk = {
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": CREATED,
            "model": self.model,
            "choices": choices,
        }
        return {**chunk, "provider": "Simulated"} if self.flavour == "openrouter" else chunk


def _event(fields: Mapping[str, Any]) -> bytes:
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\n\n"


FORMATS: Final = frozenset({"json_schema", "json_object", "text"})
_PARAM: Final = "response_format"


def check_format(body: Mapping[str, Any], known: frozenset[str]) -> None:
    """Raise Refusal if the model does not support the `response_format`. `known` contains the supported types."""
    wanted = body.get(_PARAM)
    if wanted is None:
        return
    kind = wanted.get("type") if isinstance(wanted, dict) else None
    if kind not in known:
        message = f"This model does not support response format `{kind}`."
        raise Refusal(400, "", message, param=_PARAM)
    if kind == "json_schema":
        named = wanted.get("json_schema") or {}
        if not named.get("name") or not isinstance(named.get("schema"), dict):
            raise Refusal(400, "missing_required_parameter", "Missing required parameter.", param=_PARAM)
        for fault in _strict_faults(named["schema"], ()) if named.get("strict") else ():
            message = f"Invalid schema for response_format '{named['name']}': {fault}"
            raise Refusal(400, "invalid_json_schema", message, param=_PARAM)


def make_completion(stream: ReplyStream) -> dict[str, Any]:
    """Return the whole reply as one completion and count its tokens."""
    for _ in stream.tokens():
        pass
    reply = stream.reply
    message = {
        "role": "assistant",
        "content": None if reply.refusal else stream.sent_text,
        "refusal": reply.refusal or None,
    }
    choice = {"index": 0, "message": message, "finish_reason": stream.finish, "logprobs": None}
    return {
        "id": stream.id,
        "object": "chat.completion",
        "created": CREATED,
        "model": stream.model,
        "choices": [choice],
        "usage": stream.usage(),
    }


def _strict_faults(schema: Mapping[str, Any], at: tuple[str, ...]) -> Iterator[str]:
    kinds = schema.get("type")
    if kinds == "object" or (isinstance(kinds, list) and "object" in kinds):
        properties = schema.get("properties") or {}
        if schema.get("additionalProperties") is not False:
            yield f"In context={at}, 'additionalProperties' is required to be supplied and to be false."
        if sorted(schema.get("required") or ()) != sorted(properties):
            yield f"In context={at}, 'required' is required to be supplied and to be an array including every key."
        for name, part in properties.items():
            yield from _strict_faults(part, (*at, "properties", name))
    if isinstance(schema.get("items"), dict):
        yield from _strict_faults(schema["items"], (*at, "items"))


# The path before `/chat/completions`.
BASE_PATHS: Final[Mapping[Flavour, str]] = {
    "openai": "/v1",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "azure": "/openai/v1",
    "xai": "/v1",
}


@dataclass(slots=True)
class ChatVendor:
    """The simulated vendor.

    Attributes:
        reply: Makes the reply to a request's body.
        first_token_s: Delay before the first token.
        token_s: Delay before each further token.
        cached_tokens: Tokens of each prompt that are read from the cache.
        written_tokens: Tokens of each prompt that are written to the cache.
        reasoning_tokens: Tokens of reasoning before each reply.
        models: The names that are accepted; None accepts any name.
        fixed_temperature: Models that refuse a temperature.
        formats: Supported types of `response_format`.
        bodies: Bodies of the accepted requests.
        client_ports: Client ports of all requests, by method. Each connection has its own port.
    """

    flavour: Flavour = "openai"
    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = greet
    first_token_s: float = 0.0
    token_s: float = 0.0
    cached_tokens: int = 0
    written_tokens: int = 0
    reasoning_tokens: int = 0
    models: frozenset[str] | None = None
    fixed_temperature: frozenset[str] = frozenset()
    formats: frozenset[str] = FORMATS
    bodies: list[dict[str, Any]] = field(default_factory=list)
    client_ports: dict[str, list[int]] = field(default_factory=dict)

    def routes(self) -> list[web.RouteDef]:
        """Return the vendor's routes. Browsers send OPTIONS before a request; it needs no key."""
        paths = [f"{BASE_PATHS[self.flavour]}/chat/completions"]
        if self.flavour == "azure":
            paths.append("/openai/deployments/{deployment}/chat/completions")
        posts = [web.post(path, self._complete) for path in paths]
        return [*posts, *(web.options(path, self._allow) for path in paths)]

    @property
    def chat_bodies(self) -> list[dict[str, Any]]:
        """Bodies of the accepted requests."""
        return self.bodies

    async def _allow(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        return web.Response(status=204, headers={"Allow": "POST"})

    async def _complete(self, request: web.Request) -> web.StreamResponse:
        self._note(request)
        faults = self.state.open("llm")
        if is_dropped(faults):
            return await drop_request(request, faults)
        try:
            stream = await self._accept(request, faults)
        except Refusal as refusal:
            headers = {"retry-after": "2"} if refusal.status == 429 else {}
            return web.json_response(refusal.body(self.flavour), status=refusal.status, headers=headers)
        if stream.body.get("stream"):
            return await self._sender().send(request, stream, faults)
        return await self._answer(request, stream, faults)

    async def _accept(self, request: web.Request, faults: FaultInjector) -> ReplyStream:
        """Check the key, the model and the body. Raises Refusal."""
        key = self._key(request)
        if faults.has("unauthorized") or key != self.state.key:
            raise wrong_key(self.flavour, key)
        if faults.has("no_credit"):
            raise no_credit(self.flavour)
        if faults.has("rate_limited"):
            raise rate_limited(self.flavour)
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            raise Refusal(400, "invalid_json", "We could not parse the JSON body of your request.") from error
        model = request.match_info.get("deployment") or str(body.get("model", ""))
        if request.match_info.get("deployment") and "api-version" not in request.query:
            raise Refusal(404, "404", "Resource not found")
        if self.models is not None and model not in self.models:
            raise unknown_model(self.flavour, model)
        check_body(self.flavour, body, fixed_temperature=model in self.fixed_temperature)
        check_format(body, self.formats)
        self.bodies.append(body)
        return ReplyStream(
            self.flavour,
            body,
            self.reply(body),
            model,
            cached=self.cached_tokens,
            reasoning=self.reasoning_tokens,
            written=self.written_tokens,
        )

    async def _answer(self, request: web.Request, stream: ReplyStream, faults: FaultInjector) -> web.StreamResponse:
        """Answer with the whole reply in one response."""
        if faults.has("error"):
            failed = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
            return web.json_response({"error": failed}, status=500)
        await faults.wait(self.first_token_s)
        try:
            is_garbage = await faults.begin_unit()
        except FaultCut:
            reset_connection(request)
            return web.Response()
        completion = make_completion(stream)
        self._sender().bill(stream)
        if is_garbage:
            return web.Response(body=b'{"choices":[{"mess', content_type="application/json")
        return web.json_response(completion)

    def _sender(self) -> ReplySender:
        """Return the sender that bills the reply.

        OpenRouter does not bill replies that failed or have no token ("zero completion insurance"). The other vendors
        bill each accepted prompt.
        """
        is_free = self.flavour == "openrouter"
        return ReplySender(self.state, self.first_token_s, self.token_s, is_free=is_free)

    def _key(self, request: web.Request) -> str:
        own = request.headers.get("api-key", "") if self.flavour == "azure" else ""
        return own or request.headers.get("Authorization", "").removeprefix("Bearer ")

    def _note(self, request: web.Request) -> None:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.client_ports.setdefault(request.method, []).append(peer[1] if peer else 0)


EMBEDDINGS_PATH: Final = "/v1/embeddings"
# Limits in the API reference: texts per request, and tokens per text. The simulator counts words as tokens.
MOST_TEXTS: Final = 2_048
MOST_TOKENS: Final = 8_192
_FIELDS: Final = frozenset({"model", "input", "dimensions", "encoding_format", "user"})
_WORD: Final = re.compile(r"\w+")


@dataclass(slots=True)
class EmbeddingsVendor:
    """Simulated embeddings. A text's vector is the sum of its words' vectors, so texts with common words are close
    together.

    Attributes:
        concepts: Word -> word with the same meaning.
        dimensions: Length of a vector if the request does not set it.
        models: The names that are accepted; None accepts any name.
        answer_s: Delay of the response.
        bodies: Bodies of the accepted requests.
    """

    state: VendorState = field(default_factory=VendorState)
    concepts: Mapping[str, str] = field(default_factory=dict)
    dimensions: int = 1_536
    models: frozenset[str] | None = None
    answer_s: float = 0.0
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(EMBEDDINGS_PATH, self._embed)]

    def make_vector(self, text: str, dimensions: int) -> list[float]:
        """Return a vector of length 1, like the vendor's. A text without words gets the first axis."""
        sums = [0.0] * dimensions
        for word in _WORD.findall(text.lower()):
            for at, sign in _directions(self.concepts.get(word, word), dimensions):
                sums[at] += sign
        length = math.hypot(*sums)
        return [value / length for value in sums] if length else [1.0, *[0.0] * (dimensions - 1)]

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("llm")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        try:
            body, texts = await self._accept(request, faults)
        except Refusal as refusal:
            return web.json_response(refusal.body("openai"), status=refusal.status)
        if faults.has("error"):
            failed = {"message": "The server had an error.", "type": "server_error", "param": None, "code": None}
            return web.json_response({"error": failed}, status=500)
        await faults.wait(self.answer_s)
        if faults.has("half_open", "stall"):
            await asyncio.Event().wait()
        if faults.has("garbage"):
            return web.Response(body=b'{"data":[{"emb', content_type="application/json")
        return web.json_response(self._answer(body, texts))

    async def _accept(self, request: web.Request, faults: FaultInjector) -> tuple[dict[str, Any], list[str]]:
        """Check the key and the body. Returns the body and its texts. Raises Refusal."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if faults.has("unauthorized") or key != self.state.key:
            raise wrong_key("openai", key)
        if faults.has("no_credit"):
            raise no_credit("openai")
        if faults.has("rate_limited"):
            raise rate_limited("openai")
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            raise Refusal(400, "invalid_json", "We could not parse the JSON body of your request.") from error
        if self.models is not None and body.get("model") not in self.models:
            raise unknown_model("openai", str(body.get("model")))
        texts = _check(body)
        self.bodies.append(body)
        return body, texts

    def _answer(self, body: Mapping[str, Any], texts: Sequence[str]) -> dict[str, Any]:
        dimensions = body.get("dimensions", self.dimensions)
        vectors = [self.make_vector(text, dimensions) for text in texts]
        is_packed = body.get("encoding_format") == "base64"
        tokens = sum(_count_tokens(text) for text in texts)
        self.state.bill("llm", str(body["model"]), "prompt_tokens", tokens)
        return {
            "object": "list",
            "data": [
                {"object": "embedding", "index": index, "embedding": _pack(vector) if is_packed else vector}
                for index, vector in enumerate(vectors)
            ],
            "model": body["model"],
            "usage": {"prompt_tokens": tokens, "total_tokens": tokens},
        }


def _check(body: Mapping[str, Any]) -> list[str]:
    """Return the texts in the body. Raises Refusal."""
    if unknown := set(body) - _FIELDS:
        raise Refusal(400, "unknown_parameter", f"Unrecognized request argument supplied: {min(unknown)}")
    given = body.get("input")
    texts = [given] if isinstance(given, str) else given
    if not isinstance(texts, list) or not texts or len(texts) > MOST_TEXTS or not all(map(_is_text, texts)):
        raise Refusal(400, "invalid_value", "'$.input' is invalid.", param="input")
    dimensions = body.get("dimensions", 1)
    if not isinstance(dimensions, int) or dimensions < 1:
        raise Refusal(400, "invalid_value", "Invalid value for 'dimensions'.", param="dimensions")
    if body.get("encoding_format", "float") not in ("float", "base64"):
        raise Refusal(400, "invalid_value", "Invalid value for 'encoding_format'.", param="encoding_format")
    return texts


def _is_text(value: Any) -> bool:
    return isinstance(value, str) and bool(value) and _count_tokens(value) <= MOST_TOKENS


def _count_tokens(text: str) -> int:
    return max(1, len(_WORD.findall(text)))


def _directions(word: str, dimensions: int) -> list[tuple[int, float]]:
    """Return a few axes with signs, which depend only on the word."""
    digest = hashlib.sha256(word.encode()).digest()
    parts = (digest[at : at + 4] for at in range(0, 32, 4))
    return [(int.from_bytes(part[:3]) % dimensions, 1.0 if part[3] % 2 else -1.0) for part in parts]


def _pack(vector: Sequence[float]) -> str:
    """Encode the vector as little-endian 32-bit floats in base64."""
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


RESPONSES_PATH: Final = "/v1/responses"
_GARBAGE: Final = b'event: response.output_text.delta\ndata: {"type":"response.outp\n\n'


@dataclass(slots=True)
class ResponsesVendor:
    """Simulated Responses API.

    Attributes:
        reply: Makes the reply to a request's body.
        first_token_s: Delay before the first token.
        token_s: Delay before each further token.
        cached_tokens: Tokens of each prompt that are read from the cache.
        bodies: Bodies of the accepted requests.
    """

    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = lambda body: ChatReply("Thank you for calling.")
    first_token_s: float = 0.0
    token_s: float = 0.0
    cached_tokens: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(RESPONSES_PATH, self._respond)]

    async def _respond(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("llm")
        if faults.has("refuse"):
            reset_connection(request)
            return web.Response()
        try:
            body = await self._accept(request, faults)
        except Refusal as refusal:
            return web.json_response(refusal.body("openai"), status=refusal.status)
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream; charset=utf-8"})
        stream = ResponseEvents(body, self.reply(body), self.cached_tokens)
        try:
            await response.prepare(request)
            await response.write(stream.head())
            await faults.wait(self.first_token_s)
            for event in stream.tokens():
                if faults.has("error") and faults.is_due:
                    await response.write(stream.failure())
                    break
                await response.write(_GARBAGE if await faults.begin_unit() else event)
                await faults.wait(self.token_s)
            else:
                await response.write(stream.end())
            await response.write_eof()
        except FaultCut:
            reset_connection(request)
        finally:  # a client that disconnects pays for computed tokens
            self._bill(stream)
        return response

    async def _accept(self, request: web.Request, faults: FaultInjector) -> dict[str, Any]:
        """Check the key and the body. Raises Refusal."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if faults.has("unauthorized") or key != self.state.key:
            raise wrong_key("openai", key)
        if faults.has("no_credit"):
            raise no_credit("openai")
        if faults.has("rate_limited"):
            raise rate_limited("openai")
        body: dict[str, Any] = await request.json()
        if not body.get("model") or not isinstance(body.get("input"), list) or not body.get("stream"):
            raise Refusal(400, "invalid_type", "The simulator streams, for a model and a list of input items.")
        self.bodies.append(body)
        return body

    def _bill(self, stream: "ResponseEvents") -> None:
        model = str(stream.body["model"])
        self.state.bill("llm", model, "prompt_tokens", stream.prompt_tokens - stream.cached)
        self.state.bill("llm", model, "cached_tokens", stream.cached)
        self.state.bill("llm", model, "completion_tokens", stream.completion_tokens)


class ResponseEvents:
    """Generates the events of one reply. Each word counts as one token.

    Args:
        body: The request's body.
        reply: The reply.
        cached: Prompt tokens that were read from the cache.
    """

    def __init__(self, body: Mapping[str, Any], reply: ChatReply, cached: int) -> None:
        self.body = body
        self._reply = reply
        texts = [json.dumps(part) for part in (*body["input"], *body.get("tools", ()), body.get("instructions", ""))]
        self.prompt_tokens = sum(len(text.split()) for text in texts)
        self.cached = min(cached, self.prompt_tokens)
        self.completion_tokens = 0
        self._number = 0

    def head(self) -> bytes:
        """Return the event before the first token."""
        return self._event("response.created", response=self._response("in_progress"))

    def tokens(self) -> Iterator[bytes]:
        """Yield the events of text and tool calls. A token counts when its event is taken."""
        item: dict[str, Any] = {"id": "msg_1", "type": "message", "role": "assistant", "content": []}
        if self._reply.text:
            yield self._event("response.output_item.added", output_index=0, item={**item, "status": "in_progress"})
        for word in re.findall(r"\S+\s*|\s+", self._reply.text):
            self.completion_tokens += 1
            place = {"item_id": "msg_1", "output_index": 0, "content_index": 0, "logprobs": []}
            yield self._event("response.output_text.delta", delta=word, **place)
        if self._reply.text:
            part = {"type": "output_text", "text": self._reply.text, "annotations": [], "logprobs": []}
            done = {**item, "status": "completed", "content": [part]}
            yield self._event("response.output_item.done", output_index=0, item=done)
        for number, tool in enumerate(self._reply.tools, start=1):
            yield from self._tool(number, tool)

    def end(self) -> bytes:
        """Return the final event with the usage."""
        usage = {
            "input_tokens": self.prompt_tokens,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }
        return self._event("response.completed", response={**self._response("completed"), "usage": usage})

    def failure(self) -> bytes:
        """Return an error that occurs after the stream began."""
        error = {"code": "server_error", "message": "The server had an error."}
        return self._event("response.failed", response={**self._response("failed"), "error": error})

    def _tool(self, number: int, tool: ToolUse) -> Iterator[bytes]:
        item_id = f"fc_{number}"
        item = {"id": item_id, "type": "function_call", "call_id": f"call_{number}", "name": tool.name}
        place = {"output_index": number}
        self.completion_tokens += 1
        yield self._event("response.output_item.added", item={**item, "arguments": ""}, **place)
        self.completion_tokens += 1
        yield self._event("response.function_call_arguments.delta", item_id=item_id, delta=tool.arguments, **place)
        yield self._event("response.function_call_arguments.done", item_id=item_id, arguments=tool.arguments, **place)
        done = {**item, "arguments": tool.arguments, "status": "completed"}
        yield self._event("response.output_item.done", item=done, **place)

    def _response(self, status: str) -> dict[str, Any]:
        fixed = {"id": "resp_1", "object": "response", "created_at": CREATED, "output": [], "tools": []}
        return {**fixed, "model": self.body["model"], "status": status, "parallel_tool_calls": True}

    def _event(self, kind: str, **fields: Any) -> bytes:
        self._number += 1
        data = json.dumps({"type": kind, "sequence_number": self._number, **fields})
        return f"event: {kind}\ndata: {data}\n\n".encode()


def _make_account(flavour: Flavour) -> SimulatedAccount:
    """Return a chat completions server of OpenAI or of a vendor with a compatible API."""

    def make(state: VendorState, setting: ServerSetting) -> ChatVendor:
        return ChatVendor(flavour, state, setting.reply, first_token_s=setting.first_token_s, token_s=setting.token_s)

    return SimulatedAccount(make, BASE_PATHS[flavour])


ENTRY: Final = SimulatorEntry(
    accounts={flavour: _make_account(flavour) for flavour in BASE_PATHS},
    usual={"llm": {"model": "gpt-5.4-mini"}},
    providers=tuple(
        SimulatedProvider(flavour, "llm", {"model": "a-model", "dialect": flavour}, flavour) for flavour in BASE_PATHS
    ),
    scheme="https",
)
