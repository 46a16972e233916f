"""The OpenAI-compatible model against a real model server on this machine; holds for any model."""

import asyncio
from collections.abc import Iterator

import aiohttp
import pytest

from media.providers.cleanup import close_stream
from media.providers.ports import CONTINUE_PROMPT, ChatRequest, Message, ProviderError, TextDelta, TokenUsage, ToolCall
from media.providers.streamed_model import StreamedLanguageModel
from tests.platform.model import running_model_server
from vendors.openai.facts import OpenAiOptions
from vendors.openai.media import OpenAiApi

SYSTEM = "You are a receptionist. Answer in one short sentence."
LONG = ChatRequest(SYSTEM, [Message("user", "Count slowly from one to five hundred, in words.")])
# Processing a prompt on a busy two-core machine takes its time; the deadlines are tested with the scripted server.
DEADLINE_S = 60.0

pytestmark = pytest.mark.model


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with running_model_server() as address:
        yield address


def model(url: str, http: aiohttp.ClientSession, max_tokens: int) -> StreamedLanguageModel:
    options = OpenAiOptions(
        "any",
        f"{url}/v1",
        temperature=0.0,
        max_tokens=max_tokens,
        extra={"seed": 1},
        first_token_s=DEADLINE_S,
        idle_s=DEADLINE_S,
    )
    return StreamedLanguageModel(OpenAiApi("my-llama", options), http)


async def test_words_are_streamed_and_usage_is_counted(server: str) -> None:
    messages = [
        Message("user", "Hello!"),
        Message("assistant", "Hello."),
        *LONG.messages,
        Message("user", "Go on, please, and leave none out."),
    ]
    async with aiohttp.ClientSession() as http:
        events = [event async for event in model(server, http, 12).stream(ChatRequest(SYSTEM, messages))]
    *words, usage = events
    assert len(words) >= 3
    assert all(isinstance(word, TextDelta) for word in words)
    assert isinstance(usage, TokenUsage)
    assert not usage.estimated
    assert 1 <= usage.completion <= 12
    assert usage.prompt >= 15


async def test_a_conversation_with_tools_and_a_continuation_is_accepted(server: str) -> None:
    call = ToolCall("c1", "lookup", '{"day": "Monday"}')
    messages = [
        Message("user", "When are you open on Monday?"),
        Message("assistant", "", (call,)),
        Message("tool", "nine to five", tool_call_id="c1"),
        Message("assistant", "On Monday we are open from"),
        Message("user", CONTINUE_PROMPT),
    ]
    async with aiohttp.ClientSession() as http:
        events = [event async for event in model(server, http, 6).stream(ChatRequest(SYSTEM, messages))]
    assert any(isinstance(event, TextDelta) for event in events)


async def test_closing_the_stream_stops_the_model(server: str) -> None:
    async with aiohttp.ClientSession() as http:
        stream = model(server, http, 500).stream(LONG)
        assert isinstance(await anext(stream), TextDelta)
        assert await _busy(http, server)
        await close_stream(stream)
        async with asyncio.timeout(30):
            while await _busy(http, server):  # noqa: ASYNC110 - another process can only be asked
                await asyncio.sleep(0.05)


async def test_an_error_response_is_a_provider_error(server: str) -> None:
    async with aiohttp.ClientSession() as http:
        with pytest.raises(ProviderError, match="HTTP 400") as raised:
            await anext(model(server, http, 5).stream(ChatRequest("word " * 5000, [Message("user", "Hello")])))
    assert not raised.value.retryable


async def _busy(http: aiohttp.ClientSession, server: str) -> bool:
    async with http.get(f"{server}/slots") as response:
        return any(slot["is_processing"] for slot in await response.json())
