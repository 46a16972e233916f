"""A simulated server of OpenAI's Responses API (`/v1/responses`), streamed.

Source: developers.openai.com/api/reference/resources/responses, and the types of the openai SDK.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from aiohttp import web

from simulator.vendors.faults import FaultCut, FaultInjector
from simulator.vendors.openai_request import Refusal, no_credit, rate_limited, wrong_key
from simulator.vendors.openai_stream import CREATED, ChatReply, ToolUse
from simulator.vendors.server import VendorState, reset_connection

PATH: Final = "/v1/responses"
_GARBAGE: Final = b'event: response.output_text.delta\ndata: {"type":"response.outp\n\n'


@dataclass(slots=True)
class ResponsesVendor:
    """reply: from the request's body to the answer. first_token_s, token_s: delays. cached_tokens: of each prompt.
    bodies: of the requests that were accepted."""

    state: VendorState = field(default_factory=VendorState)
    reply: Callable[[Mapping[str, Any]], ChatReply] = lambda body: ChatReply("Thank you for calling.")
    first_token_s: float = 0.0
    token_s: float = 0.0
    cached_tokens: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list)

    def routes(self) -> list[web.RouteDef]:
        """All addresses."""
        return [web.post(PATH, self._respond)]

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
        finally:  # a client that goes away pays for what was computed
            self._bill(stream)
        return response

    async def _accept(self, request: web.Request, faults: FaultInjector) -> dict[str, Any]:
        """Raises Refusal."""
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
    """The events of one reply; a word is a token. cached: tokens of the prompt that the vendor had cached."""

    def __init__(self, body: Mapping[str, Any], reply: ChatReply, cached: int) -> None:
        self.body = body
        self._reply = reply
        texts = [json.dumps(part) for part in (*body["input"], *body.get("tools", ()), body.get("instructions", ""))]
        self.prompt_tokens = sum(len(text.split()) for text in texts)
        self.cached = min(cached, self.prompt_tokens)
        self.completion_tokens = 0
        self._number = 0

    def head(self) -> bytes:
        """What comes before the first token."""
        return self._event("response.created", response=self._response("in_progress"))

    def tokens(self) -> Iterator[bytes]:
        """The events of text and tools. Each token counts when it is taken."""
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
        """The end, with the usage."""
        usage = {
            "input_tokens": self.prompt_tokens,
            "input_tokens_details": {"cached_tokens": self.cached},
            "output_tokens": self.completion_tokens,
            "output_tokens_details": {"reasoning_tokens": 0},
            "total_tokens": self.prompt_tokens + self.completion_tokens,
        }
        return self._event("response.completed", response={**self._response("completed"), "usage": usage})

    def failure(self) -> bytes:
        """An error after the stream began."""
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
