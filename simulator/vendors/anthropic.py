"""A simulated server of Anthropic's Messages API.

Written from the official SDK's source (docs/vendors/anthropic.md), and checked by it and by pipecat's service.
"""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from simulator.vendors.anthropic_request import MessagesRefusal, check_body, check_version, to_chat_body
from simulator.vendors.anthropic_stream import MessageStream, count_tokens
from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.openai import greet
from simulator.vendors.openai_stream import ChatReply
from simulator.vendors.reply_sender import ReplySender, drop_request, is_dropped
from simulator.vendors.server import VendorState, reset_connection


@dataclass(slots=True)
class AnthropicVendor:
    """The vendor. reply: from the request, as one of chat completions, to the answer. first_token_s, token_s: delays.
    models: None if every name is one. fixed_temperature: models that take no temperature in the older version, either.
    bodies: of the requests that were accepted."""

    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = greet
    first_token_s: float = 0.0
    token_s: float = 0.0
    models: frozenset[str] | None = None
    fixed_temperature: frozenset[str] = frozenset()
    bodies: list[dict[str, Any]] = field(default_factory=list)
    _cached_prefixes: set[str] = field(default_factory=set)

    def routes(self) -> list[web.RouteDef]:
        """The vendor's paths."""
        return [web.post("/v1/messages", self._complete), web.options("/v1/messages", _allow)]

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
        """Raises MessagesRefusal."""
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
        """Tools and system up to the last mark of a cache are read from it, or written to it."""
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
        """The whole reply at once."""
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
    """SDKs before 2 send the key in a header of its own, later ones as a bearer's."""
    return request.headers.get("x-api-key") or request.headers.get("Authorization", "").removeprefix("Bearer ")


async def _allow(request: web.Request) -> web.StreamResponse:
    """What browsers ask before a request, without a key."""
    return web.Response(status=204, headers={"Allow": "POST"})
