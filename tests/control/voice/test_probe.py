"""Testing a provider: one bounded question to its server, on a real socket."""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, get_args

import pytest
from aiohttp import web

from control.voice.keys import KeyedProvider
from control.voice.probe import ProbeFailed, probe
from control.voice.routing.rules import VENDOR
from shared.errors import Invalid
from simulator.vendors.openai_request import Flavour
from simulator.vendors.server import VendorState, running_vendor
from tests.control.agents.strategies import offer
from vendors.elevenlabs.simulator import elevenlabs_documents
from vendors.openai.simulator import BASE_PATHS, ChatVendor
from vocalized.free_port import free_port

SECRET = "sk-secret"
Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


def provider(url: str, **changed: Any) -> KeyedProvider:
    config = {VENDOR: "openai", "llm": {"base_url": url, "model": "tiny", "temperature": 0.5}}
    return KeyedProvider(replace(offer("my-llama", kinds=["llm"], config=config), **changed), SECRET)


@asynccontextmanager
async def served(answer: Answer) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    port = free_port()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


async def stream(request: web.Request, *lines: str) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await response.prepare(request)
    for line in lines:
        await response.write(f"{line}\n\n".encode())
    return response


def delta(**fields: Any) -> str:
    return "data: " + json.dumps({"choices": [{"delta": fields}]})


@pytest.mark.parametrize("word", [{"content": "Hello"}, {"reasoning_content": "The user"}])
async def test_the_time_to_the_first_word_is_measured(word: dict[str, str]) -> None:
    bodies: list[Any] = []

    async def answer(request: web.Request) -> web.StreamResponse:
        bodies.append(await request.json())
        assert request.headers["Authorization"] == f"Bearer {SECRET}"
        await asyncio.sleep(0.05)
        return await stream(request, ": comment", delta(role="assistant", content=""), delta(**word), "data: [DONE]")

    async with served(answer) as url:
        assert 50 <= await probe(provider(url), 10.0) < 10_000
    assert bodies[0]["model"] == "tiny"
    assert bodies[0]["temperature"] == 0.5
    assert bodies[0]["stream"] is True
    assert "base_url" not in bodies[0]


async def error_401(request: web.Request) -> web.StreamResponse:
    body = {"error": {"code": "invalid_api_key", "message": f"no such key {SECRET}"}}
    return web.json_response(body, status=401)


async def error_500(request: web.Request) -> web.StreamResponse:
    return web.Response(text=f"<html>{SECRET}</html>", status=500)


async def no_stream(request: web.Request) -> web.StreamResponse:
    return web.json_response({"choices": [{"message": {"content": "Hello"}}]})


async def no_word(request: web.Request) -> web.StreamResponse:
    return await stream(request, delta(content=""), "data: [1]", "data: {", "data: [DONE]")


async def endless(request: web.Request) -> web.StreamResponse:
    return await stream(request, *[": still here"] * 3_000)


async def endless_line(request: web.Request) -> web.StreamResponse:
    response = await stream(request)
    while True:
        await response.write(b"data: " + b"x" * 65_536)


async def crumbs(request: web.Request) -> web.StreamResponse:
    response = await stream(request)
    while request.transport is not None and not request.transport.is_closing():
        await response.write(b":")
    return response


async def packed(request: web.Request) -> web.StreamResponse:
    assert request.headers["Accept-Encoding"] == "identity"
    body = gzip.compress(json.dumps({"error": {"code": "unpacked"}}).encode())
    return web.Response(body=body, headers={"Content-Encoding": "gzip"}, status=500)


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (error_401, "^HTTP 401 invalid_api_key$"),
        (error_500, "^HTTP 500$"),
        (no_stream, "the answer had no word"),
        (no_word, "the answer had no word"),
        (endless, "no word within 2000 lines"),
        (endless_line, "no word within 256 KiB"),
        (crumbs, "no word within 4000 parts"),
        (packed, "^HTTP 500$"),
    ],
)
async def test_the_reason_of_a_failure_holds_no_key(answer: Answer, reason: str) -> None:
    async with served(answer) as url:
        with pytest.raises(ProbeFailed, match=reason) as raised:
            await probe(provider(url), 10.0)
    assert SECRET not in str(raised.value)


async def test_a_silent_server_is_given_up() -> None:
    ended = asyncio.Event()

    async def answer(request: web.Request) -> web.StreamResponse:
        await ended.wait()
        return web.Response()

    async with served(answer) as url:
        with pytest.raises(ProbeFailed, match=r"no answer within 0\.2 s"):
            await probe(provider(url), 0.2)
        ended.set()


async def test_no_server_is_a_failure() -> None:
    with pytest.raises(ProbeFailed, match="no connection: ConnectError"):
        await probe(provider(f"http://127.0.0.1:{free_port()}/v1"), 10.0)


async def test_a_provider_without_a_server_cannot_be_asked() -> None:
    with pytest.raises(Invalid):
        await probe(KeyedProvider(offer("receptionist", kinds=["llm"]), ""), 1.0)


@pytest.mark.parametrize("options", [{}, {"voice_id": "some voice"}])
async def test_a_speech_vendor_shows_a_document_to_the_owner_of_the_key(options: dict[str, str]) -> None:
    async with running_vendor(elevenlabs_documents(VendorState(key=SECRET)), None) as address:
        config = {VENDOR: "elevenlabs", "tts": {"base_url": f"ws://{address}", **options}}
        asked = offer("my-voice", kinds=["tts"], config=config)
        assert await probe(KeyedProvider(asked, SECRET), 5.0) > 0
        with pytest.raises(ProbeFailed) as raised:
            await probe(KeyedProvider(asked, "sk-other"), 5.0)
    assert raised.value.is_key_refused
    assert raised.value.words == "Invalid API key"


@pytest.mark.parametrize("flavour", get_args(Flavour))
async def test_each_kind_of_server_is_asked_as_it_wants(flavour: Flavour) -> None:
    vendor = ChatVendor(flavour)
    vendor.state.key = SECRET
    async with running_vendor(vendor.routes(), None) as address:
        base = f"http://{address}" + ("" if flavour == "azure" else BASE_PATHS[flavour])
        options = {"base_url": base, "dialect": flavour, "model": "tiny", "max_tokens": 9, "connect_s": 1.0}
        await probe(provider("", config={VENDOR: "openai", "llm": options}), 10.0)
    (body,) = vendor.bodies
    assert body["max_tokens" if flavour == "openrouter" else "max_completion_tokens"] == 9
    assert not {"dialect", "base_url", "connect_s"} & set(body)


async def test_fields_that_the_model_does_not_take_are_left_out_as_media_does() -> None:
    vendor = ChatVendor(fixed_temperature=frozenset(["tiny"]))
    config = {"model": "tiny", "temperature": 0.5, "max_tokens": 5}
    async with running_vendor(vendor.routes(), None) as address:
        options = {VENDOR: "openai", "llm": {"base_url": f"http://{address}/v1", **config}}
        await probe(KeyedProvider(offer("mine", kinds=["llm"], config=options), vendor.state.key), 10.0)
    assert "temperature" not in vendor.bodies[-1]
    assert vendor.bodies[-1]["max_completion_tokens"] == 5
    assert vendor.state.opened["llm"] == 3


async def test_a_field_that_is_refused_although_it_is_not_sent_is_a_failure() -> None:
    async def refuse(request: web.Request) -> web.StreamResponse:
        error = {"code": "unsupported_value", "param": "temperature", "message": "no"}
        return web.json_response({"error": error}, status=400)

    async with served(refuse) as url:
        with pytest.raises(ProbeFailed, match="HTTP 400 unsupported_value"):
            await probe(provider(url), 10.0)
