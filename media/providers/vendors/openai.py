"""Vendor `openai`: a language model behind any OpenAI-compatible chat completions endpoint, streamed over SSE."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from typing import Annotated, Any, Final, TypeVar

import aiohttp
from msgspec import Meta, Struct

from media.providers.openai_wire import StreamedReply, make_http_error, make_messages, make_tools
from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, ProviderSlow
from media.providers.sse import SseError, SseParser
from media.providers.vendor import Adapter, ProviderSetup, Vendor

# The response usually ends with its last event; reading up to its end keeps the connection for the next turn.
DRAIN_S: Final = 0.2
MAX_ERROR_BYTES: Final = 64_000

T = TypeVar("T")
Seconds = Annotated[float, Meta(gt=0, le=120)]


class OpenAiOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """base_url: up to and including the version ("https://api.openai.com/v1"). api_key: empty for servers without keys.

    Reasoning models name max_tokens max_completion_tokens; set the one that the model takes.
    extra: further fields of the request's body, as the vendor names them.
    connect_s, first_token_s (from the request), idle_s (between tokens): limits, beyond which ProviderSlow is raised.
    """

    model: Annotated[str, Meta(min_length=1)]
    base_url: Annotated[str, Meta(pattern=r"^https?://[^\s/]")] = "https://api.openai.com/v1"
    api_key: str = ""
    temperature: float | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    reasoning_effort: str | None = None
    extra: dict[str, Any] = {}
    connect_s: Seconds = 3.0
    first_token_s: Seconds = 10.0
    idle_s: Seconds = 10.0


class OpenAiLanguageModel:
    """LanguageModel over HTTP. name: of the configured provider; many servers speak this protocol. The caller owns the
    HTTP session, which pools the connections of all calls."""

    def __init__(self, name: str, options: OpenAiOptions, http: aiohttp.ClientSession) -> None:
        self.name = name
        self._options = options
        self._http = http
        self._url = options.base_url.rstrip("/") + "/chat/completions"

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Streams one reply; tool calls come whole, at its end. Raises ProviderError.

        When the stream breaks after the model began, an estimate of the tokens spent comes before the error.
        """
        reply = StreamedReply(self.name)
        deadline = asyncio.get_running_loop().time() + self._options.first_token_s
        response = await self._post(request, deadline)
        events = self._events(response, reply, deadline)
        try:
            async with aclosing(events):
                async for event in events:
                    yield event
            for event in reply.finish(request):
                yield event
            await _drain(response)
        except ProviderError:
            if reply.has_begun:
                yield reply.usage(request)
            raise
        finally:
            response.close()

    async def _events(
        self, response: aiohttp.ClientResponse, reply: StreamedReply, deadline: float
    ) -> AsyncGenerator[LanguageModelEvent, None]:
        parser = SseParser()
        while not reply.done:
            chunk = await self._within(deadline, response.content.readany(), "no token came in time")
            for data in self._payloads(parser, chunk):
                for event in reply.feed(data):
                    yield event
            if not chunk:
                return
            if reply.has_begun:
                deadline = asyncio.get_running_loop().time() + self._options.idle_s

    async def _post(self, request: ChatRequest, deadline: float) -> aiohttp.ClientResponse:
        response = await self._within(deadline, self._request(request), "no answer came in time")
        if response.status == 200 and response.content_type == "text/event-stream":
            return response
        try:
            if response.status == 200:
                raise ProviderError(
                    self.name, f"answered with {response.content_type}, no event stream", retryable=False
                )
            body = await self._within(deadline, response.content.read(MAX_ERROR_BYTES), "no answer came in time")
            raise make_http_error(self.name, response.status, body)
        finally:
            response.close()

    async def _request(self, request: ChatRequest) -> aiohttp.ClientResponse:
        options = self._options
        headers = {"Accept": "text/event-stream", "Accept-Encoding": "identity"}
        if options.api_key:
            headers["Authorization"] = f"Bearer {options.api_key}"
        timeout = aiohttp.ClientTimeout(total=None, connect=options.connect_s)
        return await self._http.post(
            self._url, json=self._body(request), headers=headers, timeout=timeout, allow_redirects=False
        )

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        options = self._options
        optional = {
            "temperature": options.temperature,
            "max_tokens": options.max_tokens,
            "max_completion_tokens": options.max_completion_tokens,
            "reasoning_effort": options.reasoning_effort,
            "tools": make_tools(request.tools) or None,
        }
        set_fields = {name: value for name, value in optional.items() if value is not None}
        fixed = {"stream": True, "stream_options": {"include_usage": True}}
        return {"model": options.model, "messages": make_messages(request), **set_fields, **options.extra, **fixed}

    def _payloads(self, parser: SseParser, chunk: bytes) -> list[bytes]:
        """Returns the data of the events that are complete now; an empty chunk ends the stream."""
        try:
            return parser.feed(chunk) if chunk else parser.end()
        except SseError as error:
            raise ProviderError(self.name, str(error)) from error

    async def _within(self, deadline: float, waiting: Awaitable[T], timeout_reason: str) -> T:
        """Awaits until `deadline` (the loop's clock). Maps every network error to ProviderError."""
        try:
            async with asyncio.timeout_at(deadline):
                return await waiting
        except aiohttp.ServerTimeoutError as error:
            raise ProviderSlow(self.name, "no connection in time", may_bill=False) from error
        except TimeoutError as error:
            raise ProviderSlow(self.name, timeout_reason) from error
        except aiohttp.ClientPayloadError as error:
            raise ProviderError(self.name, "the stream was cut") from error
        except aiohttp.ClientError as error:
            raise ProviderError(self.name, f"no connection: {type(error).__name__}") from error


async def _drain(response: aiohttp.ClientResponse) -> None:
    try:
        async with asyncio.timeout(DRAIN_S):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        return  # the reply is complete; only the connection is not reused


def _make_llm(setup: ProviderSetup) -> OpenAiLanguageModel:
    return OpenAiLanguageModel(setup.name, setup.options, setup.http)


def _model(options: OpenAiOptions) -> str:
    return options.model


_REQUEST_OPTIONS: Final = frozenset({"temperature", "max_tokens", "max_completion_tokens"})

VENDOR: Final = Vendor("openai", llm=Adapter(_make_llm, OpenAiOptions, model=_model, request_options=_REQUEST_OPTIONS))
