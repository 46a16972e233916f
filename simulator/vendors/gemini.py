"""A simulated server of Google's Gemini API.

Written from the official SDK's source (docs/vendors/google.md), and checked by it and by pipecat's service.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.gemini_request import GeminiRefusal, check_body, quota_exceeded, to_chat_body, wrong_key
from simulator.vendors.gemini_stream import ContentStream
from simulator.vendors.openai import greet
from simulator.vendors.openai_stream import ChatReply
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection

_PATH: Final = "/{version:v1|v1beta}/models/{model}:{method}"


@dataclass(slots=True)
class GeminiVendor:
    """The vendor. reply: from the request, as one of chat completions, to the answer; a reply's `refusal` is the reason
    for which its prompt is blocked. first_token_s, token_s: delays. cached_tokens: of each prompt. thoughts: tokens
    that are thought for each reply. models: None if every name is one. bodies, queries: of the requests that were
    accepted. signatures: that were given out."""

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
        """The vendor's paths."""
        return [web.post(_PATH, self._generate), web.options(_PATH, _allow)]

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
        """Raises GeminiRefusal."""
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
        """The whole reply at once."""
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
    """What browsers ask before a request, without a key."""
    return web.Response(status=204, headers={"Allow": "POST"})
