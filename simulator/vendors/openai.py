"""A simulated server of OpenAI's chat completions: of OpenAI itself, Groq, OpenRouter or Azure OpenAI.

Written from the vendors' documents, and checked by their SDKs and by pipecat's services.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.openai_completion import FORMATS, check_format, make_completion
from simulator.vendors.openai_request import (
    Flavour,
    Refusal,
    check_body,
    no_credit,
    rate_limited,
    unknown_model,
    wrong_key,
)
from simulator.vendors.openai_stream import ChatReply, ReplyStream
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection

# The path that clients put before `/chat/completions`.
BASE_PATHS: Final[Mapping[Flavour, str]] = {
    "openai": "/v1",
    "groq": "/openai/v1",
    "openrouter": "/api/v1",
    "azure": "/openai/v1",
    "xai": "/v1",
}


def greet(body: Mapping[str, Any]) -> ChatReply:
    """The reply of a vendor without a script."""
    return ChatReply("Thank you for calling. How can I help you today?")


@dataclass(slots=True)
class ChatVendor:
    """One vendor. reply: from the request's body to the answer. first_token_s, token_s: delays. cached_tokens,
    written_tokens: of each prompt, read from the cache and written to it. reasoning_tokens: before each reply. models:
    None if every name is one. fixed_temperature: models that take no temperature of the client's. formats: types of
    `response_format` that are taken. bodies: of the requests that were accepted. client_ports: of all requests, by
    method; a connection has one port."""

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
        """The vendor's paths. OPTIONS is what browsers ask before a request; no key is needed for it."""
        paths = [f"{BASE_PATHS[self.flavour]}/chat/completions"]
        if self.flavour == "azure":
            paths.append("/openai/deployments/{deployment}/chat/completions")
        posts = [web.post(path, self._complete) for path in paths]
        return [*posts, *(web.options(path, self._allow) for path in paths)]

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
        """Raises Refusal."""
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
        """The whole reply at once."""
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
        """OpenRouter bills no reply that failed or has no token (its "zero completion insurance"); from the others a
        prompt that was accepted costs."""
        is_free = self.flavour == "openrouter"
        return ReplySender(self.state, self.first_token_s, self.token_s, is_free=is_free)

    def _key(self, request: web.Request) -> str:
        own = request.headers.get("api-key", "") if self.flavour == "azure" else ""
        return own or request.headers.get("Authorization", "").removeprefix("Bearer ")

    def _note(self, request: web.Request) -> None:
        peer = request.transport.get_extra_info("peername") if request.transport else None
        self.client_ports.setdefault(request.method, []).append(peer[1] if peer else 0)
