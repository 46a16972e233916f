"""A simulated server for Google's Gemini API, with its validation and error messages.

Requests are translated into chat completions, which the simulated models read. The simulator follows the source of the
official SDK (docs/develop/vendors/google.md). It is tested with this SDK and with pipecat's service.

Sources: the google-genai SDK 3.6.1 (`types.py`: GenerateContentResponse, Candidate, Part, UsageMetadata; `models.py`,
`errors.py`).
"""

import base64
import json
import random
import re
import string
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.chat_reply import ChatReply, greet
from simulator.vendors.entry import ServerSetting, SimulatedProvider, SimulatorEntry, one_account
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection

KNOWN_FIELDS: Final = frozenset(
    {"contents", "systemInstruction", "tools", "toolConfig", "safetySettings", "generationConfig", "cachedContent"}
)
KNOWN_SETTINGS: Final = frozenset(
    {
        "temperature",
        "topP",
        "topK",
        "maxOutputTokens",
        "stopSequences",
        "seed",
        "candidateCount",
        "responseMimeType",
        "responseSchema",
        "responseJsonSchema",
        "thinkingConfig",
    }
)
# Values accepted in place of a signature: as plain text, and in base64, which the field requires.
NO_SIGNATURES: Final = ("skip_thought_signature_validator", "c2tpcF90aG91Z2h0X3NpZ25hdHVyZV92YWxpZGF0b3I=")
_STATUSES: Final[Mapping[int, str]] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
}


@dataclass(eq=False)
class GeminiRefusal(Exception):
    """A request that the simulator answers with an error status."""

    status: int
    message: str
    details: list[dict[str, Any]] = field(default_factory=list)

    def body(self) -> dict[str, Any]:
        """Return the error in the vendor's format, for a response or for an event inside a stream."""
        error = {"code": self.status, "message": self.message, "status": _STATUSES[self.status]}
        return {"error": {**error, "details": self.details} if self.details else error}


def wrong_key() -> GeminiRefusal:
    """Return the refusal of an unknown key."""
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": "API_KEY_INVALID",
        "domain": "googleapis.com",
    }
    return GeminiRefusal(400, "API key not valid. Please pass a valid API key.", [info])


def quota_exceeded(period: str) -> GeminiRefusal:
    """Return the refusal for a used-up quota. The period is `PerMinute` or `PerDay`."""
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_requests",
        "quotaId": f"GenerateRequests{period}PerProjectPerModel",
    }
    failure = {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}
    return GeminiRefusal(429, "You exceeded your current quota, please check your plan and billing details.", [failure])


def check_body(model: str, body: Any, issued: Collection[str]) -> None:
    """Validate a request's body. Raises GeminiRefusal with the first fault.

    Args:
        model: The model's name.
        body: The decoded JSON body.
        issued: Signatures of tool calls that this vendor has issued.
    """
    for fault in _faults(model, body, issued):
        raise GeminiRefusal(400, fault)


def _faults(model: str, body: Any, issued: Collection[str]) -> Iterator[str]:
    if not isinstance(body, dict) or not isinstance(body.get("contents"), list) or not body["contents"]:
        yield "* GenerateContentRequest.contents: contents is not specified"
        return
    settings = body.get("generationConfig") or {}
    for name in (*sorted(set(body) - KNOWN_FIELDS), *sorted(set(settings) - KNOWN_SETTINGS)):
        yield f'Invalid JSON payload received. Unknown name "{name}": Cannot find field.'
    thinking = settings.get("thinkingConfig") or {}
    if model.startswith("gemini-2.5") and "thinkingLevel" in thinking:
        yield "Thinking level is not supported for this model."
    if "pro" in model and (thinking.get("thinkingBudget") == 0 or thinking.get("thinkingLevel") == "minimal"):
        yield "Budget 0 is invalid. This model only works in thinking mode."
    yield from _content_faults(model, body["contents"], issued)


def _content_faults(model: str, contents: list[Any], issued: Collection[str]) -> Iterator[str]:
    """Yield the faults of the conversation.

    A model turn with tool calls must follow a user turn, and the next turn must contain as many results.
    """
    open_calls = 0
    for place, content in enumerate(contents):
        parts = content.get("parts") or []
        calls = [part for part in parts if "functionCall" in part]
        answers = [part for part in parts if "functionResponse" in part]
        if content.get("role") not in ("user", "model"):
            yield "Please use a valid role: user, model."
        if not parts or any("text" in part and not part["text"] for part in parts):
            yield f"* GenerateContentRequest.contents[{place}].parts: contents.parts must not be empty."
        if answers and len(answers) < len(parts):
            yield "Please ensure that function response turns hold function response parts only."
        if open_calls != len(answers):
            yield (
                "Please ensure that the number of function response parts is equal to the number of function call "
                "parts of the function call turn."
            )
        if calls and (place == 0 or contents[place - 1].get("role") != "user"):
            yield (
                "Please ensure that function call turn comes immediately after a user turn or after a function "
                "response turn."
            )
        if calls and not model.startswith(("gemini-1", "gemini-2")):
            yield from _signature_faults(calls[0], place, issued)
        open_calls = len(calls)
    if open_calls or contents[-1].get("role") != "user":
        yield "Please ensure that multiturn requests end with a user turn or a function response turn."


def _signature_faults(part: Mapping[str, Any], place: int, issued: Collection[str]) -> Iterator[str]:
    signature = part.get("thoughtSignature")
    if signature is None:
        yield (
            f"Function call is missing a thought_signature in functionCall parts. Additional data, function call "
            f"`default_api:{part['functionCall']['name']}`, position {place}."
        )
    elif signature not in NO_SIGNATURES and signature not in issued:
        yield "Invalid thought signature."


def to_chat_body(body: Mapping[str, Any]) -> dict[str, Any]:
    """Translate a Gemini request into a chat completions request, which the simulated models read."""
    system = " ".join(part["text"] for part in (body.get("systemInstruction") or {}).get("parts", []))
    messages: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    for content in body["contents"]:
        messages.extend(_chat_messages(content["role"], content["parts"]))
    declared = [one for tool in body.get("tools") or [] for one in tool.get("functionDeclarations", [])]
    functions = [
        {
            "name": one["name"],
            "description": one.get("description", ""),
            "parameters": one.get("parametersJsonSchema") or one.get("parameters") or {},
        }
        for one in declared
    ]
    chat: dict[str, Any] = {
        "messages": messages,
        "tools": [{"type": "function", "function": function} for function in functions],
    }
    schema = (body.get("generationConfig") or {}).get("responseJsonSchema")
    if schema:
        chat["response_format"] = {"type": "json_schema", "json_schema": {"schema": schema}}
    return chat


def _chat_messages(role: str, parts: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    calls = [
        {
            "id": _call_id(one),
            "type": "function",
            "function": {"name": one["name"], "arguments": json.dumps(one["args"])},
        }
        for one in (part["functionCall"] for part in parts if "functionCall" in part)
    ]
    texts = [part["text"] for part in parts if "text" in part]
    if calls:
        yield {"role": "assistant", "content": " ".join(texts), "tool_calls": calls}
        return
    for part in parts:
        if "functionResponse" in part:
            answer = part["functionResponse"]
            text = answer["response"].get("output") or json.dumps(answer["response"])
            yield {"role": "tool", "tool_call_id": _call_id(answer), "content": text}
    yield from ({"role": "assistant" if role == "model" else "user", "content": text} for text in texts)


def _call_id(call: Mapping[str, Any]) -> str:
    return str(call.get("id") or call["name"])


@dataclass(slots=True)
class ContentStream:
    """Generates the events of one reply.

    Attributes:
        cached: Prompt tokens that were read from the cache.
        thoughts: Tokens of the model's thoughts.
        signatures: Signatures issued for the reply's tool calls.
    """

    model: str
    body: Mapping[str, Any]
    reply: ChatReply
    cached: int = 0
    thoughts: int = 0
    signatures: set[str] = field(default_factory=set)
    garbage: bytes = field(default=b'data: {"candidates":[{"cont\r\n\r\n', init=False)
    completion_tokens: int = field(default=0, init=False)
    reasoning: int = field(default=0, init=False)
    written: int = field(default=0, init=False)  # the vendor does not bill cache writes
    prompt_tokens: int = field(default=0, init=False)
    id: str = field(default_factory=lambda: "".join(random.choices(string.ascii_letters, k=22)))

    def __post_init__(self) -> None:
        counted = (self.body.get(name) for name in ("systemInstruction", "tools", "contents"))
        self.prompt_tokens = sum(len(json.dumps(part).split()) for part in counted if part)
        self.cached = min(self.cached, self.prompt_tokens)

    def head(self) -> Iterator[bytes]:
        """Yield the block reason if the prompt is blocked, else nothing."""
        if self.reply.refusal:
            feedback = {"blockReason": self.reply.refusal}
            yield _event({"promptFeedback": feedback, "usageMetadata": self.usage(), "modelVersion": self.model})

    def tokens(self) -> Iterator[bytes]:
        """Yield one part per token. Tool calls are sent whole."""
        if self.reply.refusal:
            return
        for word in self._words():
            self.completion_tokens += 1
            yield self._chunk([{"text": word}])
        for part in self._calls():
            self.completion_tokens += 1
            yield self._chunk([part])

    def end(self) -> Iterator[bytes]:
        """Yield the finish reason with the usage. The stream has no end marker."""
        if not self.reply.refusal:
            self.completion_tokens += self.thoughts
            yield self._chunk([{"text": ""}], self.finish_reason)

    def error(self) -> Iterator[bytes]:
        """Yield an error that occurs after the stream began."""
        yield _event(GeminiRefusal(503, "The model is overloaded. Please try again later.").body())

    @property
    def finish_reason(self) -> str:
        """Why the reply ends, by Gemini's names."""
        is_cut = len(self._words()) < len(_split(self.reply.text))
        return self.reply.finish or ("MAX_TOKENS" if is_cut else "STOP")

    def make_response(self) -> dict[str, Any]:
        """Return the whole reply as one response and count its tokens."""
        if self.reply.refusal:
            return {"promptFeedback": {"blockReason": self.reply.refusal}, "usageMetadata": self.usage()}
        words, calls = self._words(), list(self._calls())
        self.completion_tokens = len(words) + len(calls) + self.thoughts
        parts = [*([{"text": "".join(words)}] if words else []), *calls]
        return self._response(parts, self.finish_reason)

    def usage(self) -> dict[str, int]:
        """Return the usage of the reply so far."""
        candidates = max(0, self.completion_tokens - self.thoughts) if self.thoughts else self.completion_tokens
        counts = {
            "promptTokenCount": self.prompt_tokens,
            "candidatesTokenCount": candidates,
            "totalTokenCount": self.prompt_tokens + self.completion_tokens,
        }
        cached = {"cachedContentTokenCount": self.cached} if self.cached else {}
        return {**counts, **cached, **({"thoughtsTokenCount": self.thoughts} if self.thoughts else {})}

    def _words(self) -> list[str]:
        limit = (self.body.get("generationConfig") or {}).get("maxOutputTokens")
        words = _split(self.reply.text)
        return words if limit is None else words[: max(0, limit - self.thoughts)]

    def _calls(self) -> Iterator[dict[str, Any]]:
        """Yield the tool calls. Only the first of several simultaneous calls has a signature."""
        for place, tool in enumerate(self.reply.tools):
            call = {"id": f"{self.id[:8]}{place}", "name": tool.name, "args": json.loads(tool.arguments)}
            signature = base64.b64encode(f"signature {self.id}".encode()).decode()
            if place == 0:
                self.signatures.add(signature)
            yield {"functionCall": call, **({"thoughtSignature": signature} if place == 0 else {})}

    def _chunk(self, parts: list[dict[str, Any]], finish: str = "") -> bytes:
        return _event(self._response(parts, finish))

    def _response(self, parts: list[dict[str, Any]], finish: str = "") -> dict[str, Any]:
        candidate: dict[str, Any] = {"content": {"parts": parts, "role": "model"}, "index": 0}
        if finish:
            candidate["finishReason"] = finish
        return {
            "candidates": [candidate],
            "usageMetadata": self.usage(),
            "modelVersion": self.model,
            "responseId": self.id,
        }


def _split(text: str) -> list[str]:
    return re.findall(r"\S+\s*|\s+", text)


def _event(fields: Mapping[str, Any]) -> bytes:
    """Encode an event with the vendor's line ends."""
    return b"data: " + json.dumps(fields, separators=(",", ":")).encode() + b"\r\n\r\n"


_PATH: Final = "/{version:v1|v1beta}/models/{model}:{method}"


@dataclass(slots=True)
class GeminiVendor:
    """The simulated vendor.

    Attributes:
        reply: Makes the reply to a request, which it gets as chat completions. A reply's `refusal` is the reason for
            which the prompt is blocked.
        first_token_s: Delay before the first token.
        token_s: Delay before each further token.
        cached_tokens: Cached tokens of each prompt.
        thoughts: Tokens of thoughts before each reply.
        models: The names that are accepted; None accepts any name.
        bodies: Bodies of the accepted requests.
        queries: Query parameters of the accepted requests.
        signatures: All issued signatures.
    """

    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = greet
    first_token_s: float = 0.0
    token_s: float = 0.0
    cached_tokens: int = 0
    thoughts: int = 0
    models: frozenset[str] | None = None
    bodies: list[dict[str, Any]] = field(default_factory=list)
    queries: list[dict[str, str]] = field(default_factory=list)
    signatures: set[str] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        return [web.post(_PATH, self._generate), web.options(_PATH, _allow)]

    @property
    def chat_bodies(self) -> list[dict[str, Any]]:
        """Accepted requests, translated into chat completions."""
        return [to_chat_body(body) for body in self.bodies]

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        faults = self.state.open("llm")
        if is_dropped(faults):
            return await drop_request(request, faults)
        try:
            stream = await self._accept(request, faults)
        except GeminiRefusal as refusal:
            return web.json_response(refusal.body(), status=refusal.status)
        sender = ReplySender(self.state, self.first_token_s, self.token_s)
        if request.match_info["method"] == "streamGenerateContent":
            return await sender.send(request, stream, faults)
        return await self._answer(request, stream, faults, sender)

    async def _accept(self, request: web.Request, faults: FaultInjector) -> ContentStream:
        """Check the key, the model and the body. Raises GeminiRefusal."""
        key = request.headers.get("x-goog-api-key") or request.query.get("key")
        if not key:
            raise GeminiRefusal(403, "Method doesn't allow unregistered callers.")
        if faults.has("unauthorized") or key != self.state.key:
            raise wrong_key()
        if faults.has("no_credit"):
            raise quota_exceeded("PerDay")
        if faults.has("rate_limited"):
            raise quota_exceeded("PerMinute")
        try:
            body = await request.json()
        except json.JSONDecodeError as error:
            raise GeminiRefusal(400, "Invalid JSON payload received.") from error
        model = request.match_info["model"]
        if self.models is not None and model not in self.models:
            raise GeminiRefusal(404, f"models/{model} is not found for API version v1beta.")
        check_body(model, body, self.signatures)
        self.bodies.append(body)
        self.queries.append(dict(request.query))
        return ContentStream(
            model,
            body,
            self.reply(to_chat_body(body)),
            cached=self.cached_tokens,
            thoughts=self.thoughts,
            signatures=self.signatures,
        )

    async def _answer(
        self, request: web.Request, stream: ContentStream, faults: FaultInjector, sender: ReplySender
    ) -> web.StreamResponse:
        """Answer with the whole reply in one response."""
        if faults.has("error"):
            return web.json_response(GeminiRefusal(503, "The model is overloaded.").body(), status=503)
        await faults.wait(self.first_token_s)
        try:
            is_garbage = await faults.begin_unit()
        except FaultCut:
            reset_connection(request)
            return web.Response()
        response = stream.make_response()
        sender.bill(stream)
        if is_garbage:
            return web.Response(body=b'{"candidates":[{"co', content_type="application/json")
        return web.json_response(response)


async def _allow(request: web.Request) -> web.StreamResponse:
    """Answer the preflight request that browsers send without a key."""
    return web.Response(status=204, headers={"Allow": "POST"})


def _make(state: VendorState, setting: ServerSetting) -> GeminiVendor:
    return GeminiVendor(state, setting.reply, setting.first_token_s, setting.token_s)


_FLASH: Final = {"model": "gemini-3.5-flash-lite"}
ENTRY: Final = SimulatorEntry(
    accounts=one_account(_make),
    usual={"llm": _FLASH},
    providers=(SimulatedProvider("google", "llm", _FLASH),),
    scheme="https",
)
