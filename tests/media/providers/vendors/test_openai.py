"""The OpenAI-compatible model against a scripted server on a real socket, with the failures that vendors show."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any

import aiohttp
import msgspec
import pytest

from media.providers.chain.deadlines import Deadlines
from media.providers.cleanup import close_stream
from media.providers.ports import (
    ChatRequest,
    KeyRefused,
    LanguageModelEvent,
    Message,
    ProviderBusy,
    ProviderError,
    ProviderSlow,
    TextDelta,
    TokenUsage,
    ToolCall,
    ToolSpec,
)
from media.providers.streamed_model import DRAIN_S, StreamedLanguageModel
from media.providers.warm_http import make_session
from tests.media.providers.sse_server import CHUNKED, DONE, OK, SseServer, Step, delta, event, sse_server, usage
from vendors.openai.facts import OpenAiOptions
from vendors.openai.media import OpenAiApi

KEY = "sk-very-secret"
TOOL = ToolSpec("transfer", "Transfers the call.", {"type": "object", "properties": {}})
REQUEST = ChatRequest("You are kind.", [Message("user", "Hello")], [TOOL])
HELLO = [delta(role="assistant", content=""), delta(content="Hel"), delta(content="lo."), delta("stop")]
END: list[Step] = [usage(7, 2), DONE, b""]


def model(server: SseServer, http: aiohttp.ClientSession, **options: Any) -> StreamedLanguageModel:
    fields = {"model": "tiny", "base_url": server.url, "api_key": KEY, **options}
    return StreamedLanguageModel(OpenAiApi("my-llama", msgspec.convert(fields, OpenAiOptions)), http)


async def collect(*scripts: tuple[str, Sequence[Step]], **options: Any) -> tuple[list[LanguageModelEvent], SseServer]:
    async with sse_server(*scripts) as server, aiohttp.ClientSession() as http:
        return [event async for event in model(server, http, **options).stream(REQUEST)], server


async def broken(
    *scripts: tuple[str, Sequence[Step]], **options: Any
) -> tuple[list[LanguageModelEvent], ProviderError]:
    """Returns the events before the error, and the error."""
    events: list[LanguageModelEvent] = []
    async with sse_server(*scripts) as server, aiohttp.ClientSession() as http:
        with pytest.raises(ProviderError) as raised:
            async for item in model(server, http, **options).stream(REQUEST):
                events.append(item)
    assert KEY not in str(raised.value)
    return events, raised.value


async def test_words_are_streamed_and_usage_is_reported() -> None:
    events, server = await collect((CHUNKED, [*HELLO, *END]), temperature=0.5, extra={"seed": 1})
    assert events == [TextDelta("Hel"), TextDelta("lo."), TokenUsage(7, 2)]
    (request,) = server.requests
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"
    assert request.body == {
        "model": "tiny",
        "messages": [{"role": "system", "content": "You are kind."}, {"role": "user", "content": "Hello"}],
        "temperature": 0.5,
        "tools": [
            {
                "type": "function",
                "function": {"name": "transfer", "description": TOOL.description, "parameters": TOOL.parameters},
            }
        ],
        "seed": 1,
        "stream": True,
        "stream_options": {"include_usage": True},
    }


async def test_no_authorization_header_is_sent_without_a_key() -> None:
    _, server = await collect((CHUNKED, [*HELLO, *END]), api_key="")
    assert "authorization" not in server.requests[0].headers


@pytest.mark.parametrize("size", [1, 7, 64])
async def test_the_network_may_cut_the_stream_anywhere(size: int) -> None:
    stream = b"".join(filter(None, [*HELLO, usage(7, 2), DONE])).replace(b"\n", b"\r\n")
    pieces: list[Step] = [stream[at : at + size] for at in range(0, len(stream), size)]
    events, _ = await collect((CHUNKED, [*pieces, b""]))
    assert events == [TextDelta("Hel"), TextDelta("lo."), TokenUsage(7, 2)]


async def test_tool_calls_are_joined_by_index_and_sent_at_the_end() -> None:
    def fragment(index: int, arguments: str, **more: Any) -> dict[str, Any]:
        return {"index": index, **more, "function": {"arguments": arguments, **more.pop("function", {})}}

    steps = [
        delta(content="One moment."),
        delta(tool_calls=[fragment(0, "", id="a", function={"name": "transfer"})]),
        delta(tool_calls=[fragment(1, '{"day": ', id="b", function={"name": "book"})]),
        delta(tool_calls=[fragment(0, '{"to": "Ann'), fragment(1, '"Monday"}')]),
        delta(tool_calls=[fragment(0, '"}')]),
        delta("tool_calls"),
    ]
    events, _ = await collect((CHUNKED, [*steps, *END]))
    assert events == [
        TextDelta("One moment."),
        *[TextDelta("")] * 4,  # a sign of life for each piece of a call
        ToolCall("a", "transfer", '{"to": "Ann"}'),
        ToolCall("b", "book", '{"day": "Monday"}'),
        TokenUsage(7, 2),
    ]


async def test_a_tool_call_without_words_gives_an_empty_delta_at_once() -> None:
    steps = [delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "end_call"}}]), delta("tool_calls")]
    events, _ = await collect((CHUNKED, [*steps, *END]))
    assert events == [TextDelta(""), ToolCall("a", "end_call", "{}"), TokenUsage(7, 2)]


async def test_comments_are_ignored_and_do_not_extend_deadlines() -> None:
    comments: list[Step] = [b": PROCESSING\n\n"]
    events, _ = await collect((CHUNKED, [*comments, *HELLO, *comments, *END]))
    assert events[:2] == [TextDelta("Hel"), TextDelta("lo.")]
    # Long enough for a busy machine to send the head of the answer; comments follow for ten times as long.
    ticking: list[Step] = [step for _ in range(1_000) for step in (b": PROCESSING\n\n", 0.01)]
    events, error = await broken((CHUNKED, ticking), first_token_s=1.0)
    assert (type(error), error.reason) == (ProviderSlow, "no token in time")
    assert [type(event) for event in events] == [TokenUsage]  # the server has the prompt
    assert isinstance(error, ProviderSlow) and error.may_bill


@pytest.mark.parametrize(
    ("status", "body", "kind", "reason", "retryable"),
    [
        (
            400,
            {"error": {"code": None, "type": "invalid_request_error"}},
            ProviderError,
            "HTTP 400 invalid_request_error",
            False,
        ),
        (401, {"error": {"code": "invalid_api_key", "message": KEY}}, KeyRefused, "HTTP 401 invalid_api_key", False),
        (402, {"error": {"code": 402, "message": "no credit"}}, ProviderBusy, "HTTP 402", False),
        (403, {"error": f"key {KEY} is not allowed"}, ProviderError, "HTTP 403", False),
        (404, None, ProviderError, "HTTP 404", False),
        (408, {}, ProviderSlow, "HTTP 408", True),
        (429, {"error": {"code": "rate_limit_exceeded"}}, ProviderBusy, "HTTP 429 rate_limit_exceeded", True),
        (429, {"error": {"code": "insufficient_quota"}}, ProviderBusy, "HTTP 429 insufficient_quota", False),
        (500, {"error": {"code": f"see {KEY}", "type": "server_error"}}, ProviderError, "HTTP 500 server_error", True),
        (503, {"error": {}}, ProviderBusy, "HTTP 503", True),
        (302, {}, ProviderError, "HTTP 302", False),
    ],
)
async def test_error_responses_are_mapped(
    status: int, body: Any, kind: type[ProviderError], reason: str, retryable: bool
) -> None:
    text = b"<html>" if body is None else msgspec.json.encode(body)
    head = f"HTTP/1.1 {status} X\r\nLocation: /elsewhere\r\nContent-Type: x\r\nContent-Length: {len(text)}\r\n\r\n"
    events, error = await broken((head, [text]))
    assert events == []
    assert (type(error), error.reason, error.retryable) == (kind, reason, retryable)


@pytest.mark.parametrize(
    ("fault", "kind", "reason", "retryable"),
    [
        ({"error": {"code": "server_error", "message": KEY}}, ProviderError, "error in the stream server_error", True),
        ({"error": {"code": 429, "message": "x"}}, ProviderBusy, "HTTP 429", True),
        ({"error": {"type": "insufficient_quota"}}, ProviderBusy, "error in the stream insufficient_quota", False),
        ({"error": "out of memory"}, ProviderError, "error in the stream", True),
        ({"x_groq": {"error": "over capacity"}}, ProviderError, "error in the stream", True),
        ({"choices": [{"delta": {}, "finish_reason": "error"}]}, ProviderError, "error in the stream", True),
        ("{no json", ProviderError, "an unreadable chunk", True),
        ({"choices": {"delta": 1}}, ProviderError, "an unreadable chunk", True),
        ("x" * 1_000_001, ProviderError, "an event is larger than a megabyte", True),
    ],
)
async def test_errors_in_the_stream_are_mapped(
    fault: Any, kind: type[ProviderError], reason: str, retryable: bool
) -> None:
    """An estimate of the usage comes before the error."""
    events, error = await broken((CHUNKED, [delta(content="Hello, ") + event(fault), None]))
    assert events[0] == TextDelta("Hello, ")
    assert isinstance(events[1], TokenUsage)
    assert events[1].estimated
    assert (type(error), error.reason, error.retryable) == (kind, reason, retryable)


@pytest.mark.parametrize("head", [CHUNKED, OK + "Content-Length: 9999\r\n\r\n", OK + "Connection: close\r\n\r\n"])
async def test_a_cut_stream_is_an_error(head: str) -> None:
    events, error = await broken((head, [delta(content="Hello, ")]))
    assert events[0] == TextDelta("Hello, ")
    assert (type(error), error.reason) == (ProviderError, "the stream was cut")


async def test_a_finish_reason_ends_the_reply_without_done() -> None:
    events, _ = await collect((CHUNKED, [delta(content="Hello."), delta("stop"), b""]))
    assert events[0] == TextDelta("Hello.")
    assert isinstance(events[1], TokenUsage)
    assert events[1].estimated


@pytest.mark.parametrize("head", [CHUNKED, OK + "Content-Length: 4096\r\n\r\n"])
async def test_complete_reply_without_usage_is_not_a_failure(head: str) -> None:
    end: list[Step] = [None] if head == CHUNKED else []  # silent, or cut
    began = asyncio.get_running_loop().time()
    events, _ = await collect((head, [delta(content="Hello."), delta("stop"), *end]))
    assert events[0] == TextDelta("Hello.")
    assert isinstance(events[1], TokenUsage)
    assert events[1].estimated
    assert asyncio.get_running_loop().time() - began < Deadlines().bound_s + DRAIN_S + 5


async def test_ignores_a_tool_call_cut_at_the_token_limit() -> None:
    steps = [delta(tool_calls=[{"index": 0, "id": "a", "function": {"name": "book", "arguments": '{"da'}}])]
    events, error = await broken((CHUNKED, [*steps, delta("length"), *END]))
    assert not any(isinstance(event, ToolCall) for event in events)
    assert error.reason == "a tool call was cut at the token limit"


async def test_a_late_first_token_is_slow() -> None:
    for head in (CHUNKED, ""):
        events, error = await broken((head, [None]), first_token_s=0.05)
        assert isinstance(error, ProviderSlow)
        assert not any(isinstance(event, TextDelta | ToolCall) for event in events)


async def test_a_stall_between_tokens_is_slow() -> None:
    events, error = await broken((CHUNKED, [delta(content="Hello, "), None]), idle_s=0.05)
    assert events[0] == TextDelta("Hello, ")
    assert type(error) is ProviderSlow


async def test_a_refused_connection_is_a_provider_error() -> None:
    async with sse_server((CHUNKED, [])) as server:
        pass
    async with aiohttp.ClientSession() as http:
        with pytest.raises(ProviderError, match="no connection: ClientConnectorError"):
            await anext(model(server, http).stream(REQUEST))


async def test_a_connection_that_is_never_made_is_slow() -> None:
    """A server that accepts the connection and never answers the TLS handshake."""
    async with sse_server((CHUNKED, [None])) as server, aiohttp.ClientSession() as http:
        url = server.url.replace("http:", "https:")
        with pytest.raises(ProviderSlow, match="no connection in time") as raised:
            await anext(model(server, http, base_url=url, connect_s=0.05).stream(REQUEST))
    assert not raised.value.may_bill


async def test_a_response_without_event_stream_is_a_provider_error() -> None:
    head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n"
    _, error = await broken((head, [b"{}"]))
    assert (error.reason, error.retryable) == ("answered with application/json instead of an event stream", False)


async def test_closing_the_stream_closes_the_connection() -> None:
    async with sse_server((CHUNKED, [delta(content="Hello, "), None])) as server, aiohttp.ClientSession() as http:
        stream = model(server, http).stream(REQUEST)
        assert await anext(stream) == TextDelta("Hello, ")
        await close_stream(stream)
        await asyncio.wait_for(server.gone.wait(), 60.0)


async def test_cancelling_a_wait_closes_the_connection() -> None:
    async with sse_server((CHUNKED, [delta(content="Hello, "), None])) as server, aiohttp.ClientSession() as http:
        stream = model(server, http).stream(REQUEST)
        await anext(stream)

        async def wait() -> None:
            await anext(stream)

        waiting = asyncio.create_task(wait())
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asyncio.wait_for(server.gone.wait(), 60.0)


async def test_the_connection_is_reused_for_the_next_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    # The end of an answer is read within this time, or else the connection is given up: a busy machine gets longer.
    monkeypatch.setattr("media.providers.streamed_model.DRAIN_S", 60.0)
    async with sse_server((CHUNKED, [*HELLO, *END])) as server, aiohttp.ClientSession() as http:
        llm = model(server, http)
        for _ in range(3):
            assert await _text(llm.stream(REQUEST)) == "Hello."
        assert (len(server.requests), server.connections) == (3, 1)


async def test_cookies_of_a_vendor_are_not_kept_for_the_next_call() -> None:
    head = CHUNKED.replace("\r\n\r\n", "\r\nSet-Cookie: session=one; Path=/\r\n\r\n")
    async with sse_server((head, [*HELLO, *END])) as server, make_session() as http:
        server.url = server.url.replace("127.0.0.1", "localhost")  # of addresses no session keeps any
        for _ in range(2):
            assert await _text(model(server, http).stream(REQUEST)) == "Hello."
        assert not [request for request in server.requests if "cookie" in request.headers]


async def _text(stream: AsyncIterator[LanguageModelEvent]) -> str:
    return "".join([event.text async for event in stream if isinstance(event, TextDelta)])


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({}, "model"),
        ({"model": "x", "apikey": "k"}, "apikey"),
        *(
            ({"model": "x", "base_url": url}, "base_url")
            for url in ("ftp://x", "https://x/v1 HTTP/1.1", "https://x/v1\n", "https://x/v1?a=b", "https://x#v1")
        ),
    ],
)
def test_invalid_options_are_named(options: dict[str, Any], field: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=field):
        msgspec.convert(options, OpenAiOptions)
