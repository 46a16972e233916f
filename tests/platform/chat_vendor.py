"""A vendor of language models on a real socket: takes one key and one model, and says in words what it refuses."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web


@dataclass
class ChatVendor:
    """keys: accepted ones. asked: the keys that came. meanwhile: called before each answer."""

    url: str = ""
    keys: set[str] = field(default_factory=lambda: {"vendor-key-1"})
    model: str = "tiny"
    asked: list[str] = field(default_factory=list)
    meanwhile: Callable[[], Awaitable[None]] | None = None

    async def answer(self, request: web.Request) -> web.StreamResponse:
        """POST /v1/chat/completions."""
        key = request.headers.get("Authorization", "").removeprefix("Bearer ")
        self.asked.append(key)
        if self.meanwhile is not None:
            await self.meanwhile()
        body = await request.json()
        if key not in self.keys:
            return _refuse(401, "invalid_api_key", f"Incorrect API key provided: {key}.")
        if body["model"] != self.model:
            return _refuse(404, "model_not_found", f"The model `{body['model']}` does not exist.")
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        await response.write(b'data: {"choices": [{"delta": {"content": "Hello"}}]}\n\n')
        return response


@asynccontextmanager
async def chat_vendor() -> AsyncIterator[ChatVendor]:
    """Serves until the block ends."""
    vendor = ChatVendor()
    app = web.Application()
    app.router.add_post("/v1/chat/completions", vendor.answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        vendor.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield vendor
    finally:
        await runner.cleanup()


def _refuse(status: int, code: str, message: str) -> web.Response:
    return web.Response(
        status=status, text=json.dumps({"error": {"code": code, "message": message}}), content_type="application/json"
    )
