"""Refusals of a model's server: learned once by calls that ask at the same time, and read whole."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import msgspec
import pytest
from aiohttp import web

from media.providers.ports import (
    ChatRequest,
    KeyRefused,
    LanguageModelEvent,
    Message,
    ProviderBusy,
    ProviderError,
    TextDelta,
)
from media.providers.streamed_model import ChatServer, StreamedLanguageModel
from tests.media.providers.sse_server import event, sse_server
from vendors.google.facts import GoogleOptions
from vendors.google.media import GeminiApi
from vendors.openai.facts import OpenAiOptions
from vendors.openai.media import OpenAiApi

REQUEST = ChatRequest("You are kind.", [Message("user", "Hello")])
TEMPERATURE = {"code": "unsupported_value", "param": "temperature", "message": "not supported by this model"}
REPLY: list[dict[str, Any]] = [{"choices": [{"delta": {"content": "Hi."}, "finish_reason": "stop"}]}]
KEY_INVALID = {"error": {"code": 400, "status": "INVALID_ARGUMENT", "details": [{"reason": "API_KEY_INVALID"}]}}
BAD_REQUEST = "HTTP/1.1 400 Bad Request\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"


@asynccontextmanager
async def server_without_temperature(at_once: int) -> AsyncIterator[str]:
    """Refuses a temperature, but only when so many requests with one have arrived."""
    arrived = asyncio.Barrier(at_once)

    async def answer(request: web.Request) -> web.Response:
        if "temperature" in await request.json():
            await arrived.wait()
            return web.json_response({"error": TEMPERATURE}, status=400)
        body = b"".join(event(one) for one in REPLY) + b"data: [DONE]\n\n"
        return web.Response(body=body, content_type="text/event-stream")

    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def read(model: StreamedLanguageModel) -> list[LanguageModelEvent]:
    return [one async for one in model.stream(REQUEST)]


async def test_calls_that_ask_at_the_same_time_all_learn_that_a_field_is_refused() -> None:
    async with server_without_temperature(3) as url, aiohttp.ClientSession() as http, asyncio.timeout(15):
        fields = {"model": "next", "base_url": f"{url}/v1", "api_key": "k", "temperature": 0.2}
        api, server = OpenAiApi("next", msgspec.convert(fields, OpenAiOptions)), ChatServer()
        replies = await asyncio.gather(*(read(StreamedLanguageModel(api, http, server)) for _ in range(3)))
    assert [reply[0] for reply in replies] == [TextDelta("Hi.")] * 3
    assert server.refused == {"temperature"}


def gemini(url: str, http: aiohttp.ClientSession, first_token_s: float = 1.0) -> StreamedLanguageModel:
    fields = {"model": "gemini-3.5-flash", "base_url": url.removesuffix("/v1"), "first_token_s": first_token_s}
    return StreamedLanguageModel(GeminiApi("gemini", msgspec.convert(fields, GoogleOptions)), http)


async def test_a_refusal_that_comes_in_pieces_is_read_whole() -> None:
    """A key that is refused by the end of the body, as Gemini's."""
    body = json.dumps(KEY_INVALID).encode()
    async with (
        sse_server((BAD_REQUEST, [body[:30], 0.05, body[30:], b""])) as server,
        aiohttp.ClientSession() as http,
        asyncio.timeout(15),
    ):
        with pytest.raises(KeyRefused):
            await read(gemini(server.url, http))


@pytest.mark.parametrize("end", [[None], []])
async def test_a_refusal_without_an_end_is_judged_by_its_status(end: list[None]) -> None:
    """It hangs, or is cut: the server is busy all the same."""
    busy = BAD_REQUEST.replace("400 Bad Request", "429 Too Many Requests")
    async with sse_server((busy, [b"{", *end])) as server, aiohttp.ClientSession() as http, asyncio.timeout(15):
        with pytest.raises(ProviderBusy):
            await read(gemini(server.url, http))


async def test_no_more_of_a_refusal_is_read_than_has_room() -> None:
    """A server that answers with a file without end: the deadline is not waited for."""
    async with (
        sse_server((BAD_REQUEST, [b" " * 40_000, b" " * 40_000, None])) as server,
        aiohttp.ClientSession() as http,
        asyncio.timeout(15),
    ):
        with pytest.raises(ProviderError, match="HTTP 400"):
            await read(gemini(server.url, http, first_token_s=20.0))
