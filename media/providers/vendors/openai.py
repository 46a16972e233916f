"""Vendor `openai`: a language model behind any OpenAI-compatible chat completions endpoint, streamed over SSE."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from media.providers.error_code import name_media_type
from media.providers.openai_wire import StreamedReply, make_http_error, make_messages, make_tools, parse_error
from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, ProviderSlow
from media.providers.sse import SseError, SseParser
from media.providers.vendor import Adapter, ProviderSetup, Vendor
from media.providers.wait_history import UsualWait
from media.providers.warm_http import WarmServer
from shared.chat_dialects import RULES, Dialect, DialectRules, detect_dialect, make_chat_url, make_key_headers
from shared.vendor_options import OpenAiOptions

# The response usually ends with its last event; reading up to its end keeps the connection for the next turn.
DRAIN_S: Final = 0.2
# After the reply's last token its usage and the mark of the end follow; without them the reply is whole all the same.
# Less than the chain waits between two events, else another model would continue it.
USAGE_S: Final = 0.7
MAX_ERROR_BYTES: Final = 64_000
_HEADERS: Final = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}

T = TypeVar("T")


def dialect_of(options: OpenAiOptions) -> Dialect:
    """The server's dialect, configured or by its host."""
    return options.dialect or detect_dialect(options.base_url)


@dataclass(slots=True)
class ChatServer:
    """What all calls share of one server and model. refused: fields that the model does not take, learned from its
    errors. warm: its connections. tls: None for aiohttp's own settings."""

    refused: set[str] = field(default_factory=set)
    warm: WarmServer | None = None
    tls: ssl.SSLContext | None = None

    async def close(self) -> None:
        """Nothing: the connections are shared with other models."""


class OpenAiLanguageModel:
    """LanguageModel over HTTP. name: of the configured provider; many servers speak this protocol. The caller owns the
    HTTP session, which pools the connections of all calls."""

    def __init__(
        self, name: str, options: OpenAiOptions, http: aiohttp.ClientSession, server: ChatServer | None = None
    ) -> None:
        self.name = name
        self._options = options
        self._http = http
        self._server = server or ChatServer()
        self._dialect = dialect_of(options)
        self._url = make_chat_url(self._dialect, options.base_url, options.model, options.api_version)

    def prepare(self) -> None:
        """Opens a connection in the background if none is idle."""
        if self._server.warm is not None:
            self._server.warm.prepare()

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Streams one reply; tool calls come whole, at its end. Raises ProviderError.

        When the stream breaks after the server took the request, an estimate of the tokens comes before the error.
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
            if await _drain(response) and self._server.warm is not None:
                self._server.warm.give_back()
        except ProviderError:
            yield reply.spent(request, bills_failures=RULES[self._dialect].bills_failures)
            raise
        finally:
            response.close()

    async def _events(
        self, response: aiohttp.ClientResponse, reply: StreamedReply, deadline: float
    ) -> AsyncGenerator[LanguageModelEvent, None]:
        parser = SseParser()
        while not reply.done:
            try:
                chunk = await self._within(deadline, response.content.readany(), "no token came in time")
            except ProviderError:
                if reply.is_complete:
                    return
                raise
            for data in self._payloads(parser, chunk):
                for event in reply.feed(data):
                    yield event
            if not chunk:
                return
            if reply.has_begun:
                limit_s = min(USAGE_S, self._options.idle_s) if reply.is_complete else self._options.idle_s
                deadline = asyncio.get_running_loop().time() + limit_s

    async def _post(self, request: ChatRequest, deadline: float) -> aiohttp.ClientResponse:
        """The answer's head. A field that the model does not take is left out from then on, and the request is sent
        again: at most once a field, and nothing was computed or billed."""
        while True:
            response = await self._within(deadline, self._request(request), "no answer came in time")
            if response.status == 200 and response.content_type == "text/event-stream":
                return response
            body = await self._read_refusal(response, deadline)
            refused = parse_error(body).refused_field
            if not refused or refused in self._server.refused:
                raise make_http_error(self.name, response.status, body)
            self._server.refused.add(refused)

    async def _read_refusal(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """The body of an answer that is no stream. Raises ProviderError for one that claims success."""
        try:
            if response.status == 200:
                reason = f"answered with {name_media_type(response.content_type)}, no event stream"
                raise ProviderError(self.name, reason, retryable=False, cause="unreadable")
            return await self._within(deadline, response.content.read(MAX_ERROR_BYTES), "no answer came in time")
        finally:
            response.close()

    async def _request(self, request: ChatRequest) -> aiohttp.ClientResponse:
        options = self._options
        headers = {**_HEADERS, **make_key_headers(self._dialect, options.api_key)}
        if self._server.warm is not None:
            self._server.warm.take()
        return await self._http.post(
            URL(self._url, encoded=True),
            data=msgspec.json.encode(self._body(request)),
            headers=headers,
            timeout=aiohttp.ClientTimeout(total=None, connect=options.connect_s),
            ssl=self._server.tls or True,
            allow_redirects=False,
        )

    def _body(self, request: ChatRequest) -> dict[str, Any]:
        options, rules = self._options, RULES[self._dialect]
        optional = {
            "temperature": options.temperature,
            "reasoning_effort": options.reasoning_effort,
            "tools": make_tools(request.tools) or None,
            **self._token_limit(rules),
        }
        set_fields = {
            name: value for name, value in optional.items() if value is not None and name not in self._server.refused
        }
        fixed = {"stream": True, "stream_options": rules.stream_options}
        return {"model": options.model, "messages": make_messages(request), **set_fields, **options.extra, **fixed}

    def _token_limit(self, rules: DialectRules) -> dict[str, int | None]:
        options = self._options
        limit = options.max_tokens if options.max_completion_tokens is None else options.max_completion_tokens
        if options.max_completion_tokens is not None or "max_tokens" in self._server.refused:
            return {"max_completion_tokens": limit}
        return {rules.completion_limit or "max_tokens": limit}

    def _payloads(self, parser: SseParser, chunk: bytes) -> list[bytes]:
        """Returns the data of the events that are complete now; an empty chunk ends the stream."""
        try:
            return parser.feed(chunk) if chunk else parser.end()
        except SseError as error:
            raise ProviderError(self.name, str(error), cause="unreadable") from error

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
            raise ProviderError(self.name, "the stream was cut", cause="cut") from error
        except aiohttp.ClientError as error:
            raise ProviderError(self.name, f"no connection: {type(error).__name__}", cause="refused") from error


async def _drain(response: aiohttp.ClientResponse) -> bool:
    """Reads the answer to its end; returns whether its connection can be used again."""
    try:
        async with asyncio.timeout(DRAIN_S):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        return False  # the reply is complete; only the connection is not reused
    return True


def _make_llm(setup: ProviderSetup) -> OpenAiLanguageModel:
    """A guarded provider has a session, and so connections, apart from the others'."""
    options: OpenAiOptions = setup.options
    resources = setup.resources
    key = (ChatServer, options.base_url, options.model, setup.guarded)
    server = resources.share_account(
        key, lambda: ChatServer(warm=_warm_server(setup), tls=resources.tls), ChatServer.close
    )
    return OpenAiLanguageModel(setup.name, options, setup.http, server)


def _warm_server(setup: ProviderSetup) -> WarmServer:
    """The server's connections; models and keys at one host share them."""
    options: OpenAiOptions = setup.options
    resources, parts = setup.resources, urlsplit(options.base_url)

    def make() -> WarmServer:
        url = make_chat_url(dialect_of(options), options.base_url, options.model, options.api_version)
        return WarmServer(setup.http, url, resources.tls)

    return resources.share_account((WarmServer, parts.scheme, parts.netloc, setup.guarded), make, WarmServer.close)


def _model(options: OpenAiOptions) -> str:
    return options.priced_as or options.model


_REQUEST_OPTIONS: Final = frozenset({"temperature", "max_tokens", "max_completion_tokens", "priced_as"})


# The vendors publish no figure for the first token: their accounts begin at the bound of all deadlines, and are learnt.
_VENDOR_WAIT: Final = UsualWait(0.5, 0.9)


def _usual_wait(options: OpenAiOptions) -> UsualWait | None:
    """Nothing is known of a server of one's own: it may compute on a processor, or load its model first."""
    return None if dialect_of(options) == "compatible" else _VENDOR_WAIT


VENDOR: Final = Vendor(
    "openai",
    llm=Adapter(
        _make_llm,
        OpenAiOptions,
        model=_model,
        request_options=_REQUEST_OPTIONS,
        is_guardable=True,
        usual_wait=_usual_wait,
    ),
)
