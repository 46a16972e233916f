"""A vendor of every kind on one port, which repeats keys wherever a vendor can: in bodies, headers, redirects, messages
and reasons of closing."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from aiohttp import web

from simulator.vendors.server import running_vendor

# Where vendors have the key, but for `Authorization`.
KEY_HEADERS = ("X-API-Key", "x-goog-api-key", "xi-api-key", "Ocp-Apim-Subscription-Key")
# A model's first word: chat completions, the Messages API, the Gemini API.
_CHAT_WORD = {"choices": [{"delta": {"content": "Hello"}}]}
_CLAUDE_WORD = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hello"}}
_GEMINI_WORD = {"candidates": [{"content": {"parts": [{"text": "Hello"}]}}]}


def find_key(headers: Mapping[str, str]) -> str:
    """The key that a request came with."""
    named = (headers[name] for name in KEY_HEADERS if name in headers)
    return headers.get("Authorization", "").split(" ")[-1] or next(named, "")


@dataclass
class LeakyVendor:
    """is_hostile: it refuses everything; before that it accepts any key. asked: how often it refused."""

    address: str = ""
    is_hostile: bool = False
    asked: int = 0
    _turns: "count[int]" = field(default_factory=count)

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """Any request."""
        key = find_key(request.headers)
        is_socket = request.headers.get("Upgrade", "").lower() == "websocket"
        if not self.is_hostile:
            return await (self._accept_socket(request) if is_socket else self._say_hello(request))
        self.asked += 1
        turn = next(self._turns) % (5 if is_socket else 4)
        error = {"error": {"code": key, "type": key, "message": f"bad key {key}", "param": key}, "err_msg": key}
        match turn:
            case 0:
                return web.json_response(error, status=401, headers={"dg-error": key})
            case 1:
                return web.Response(text=f"<p>{key}</p>", status=500, reason=f"no {key}")
            case 2:
                return web.Response(status=302, headers={"Location": f"http://127.0.0.1:1/{key}"})
        return await (self._refuse_in_socket(request, key, turn) if is_socket else self._break_off(request, key))

    async def _say_hello(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(f"data: {json.dumps(_first_word(request.path))}\n\n".encode())
        return response

    async def _break_off(self, request: web.Request, key: str) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        error = {"error": {"code": key, "message": key}}
        await response.write(f": {key}\n\ndata: {json.dumps(error)}\n\n".encode())
        return response

    async def _accept_socket(self, request: web.Request) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_json({"type": "done"})
        await socket.send_bytes(bytes(2))  # some believe only in audio
        async for _ in socket:
            pass  # until the other side closes
        return socket

    async def _refuse_in_socket(self, request: web.Request, key: str, turn: int) -> web.StreamResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        fault = {"type": "error", "error_code": key, "title": key, "message": key, "status_code": 500}
        text = json.dumps(fault | {"code": key, "description": key}) if turn == 3 else f'{{"type": "{key}'
        await socket.send_str(text)
        await socket.close(code=1011, message=key.encode()[:120])
        return socket


def _first_word(path: str) -> dict[str, Any]:
    if "/messages" in path:
        return _CLAUDE_WORD
    return _GEMINI_WORD if "streamGenerateContent" in path else _CHAT_WORD


@asynccontextmanager
async def leaky_vendor() -> AsyncIterator[LeakyVendor]:
    """Serves until the block ends."""
    vendor = LeakyVendor()
    async with running_vendor([web.route("*", "/{path:.*}", vendor.answer)], None) as vendor.address:
        yield vendor
