"""A language model whose reply is streamed over HTTP as server-sent events."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from typing import Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from media.providers.chat_api import ChatApi, ReplyReader
from media.providers.ports import ChatRequest, LanguageModelEvent, ProviderError, ProviderSlow
from media.providers.sse import SseError, SseParser
from media.providers.vendor import ProviderSetup
from media.providers.wait_history import UsualWait
from media.providers.warm_http import WarmServer
from shared.providers.errors import name_media_type

# The response usually ends with its last event; reading up to its end keeps the connection for the next turn.
DRAIN_S: Final = 0.2
# The token usage and the end mark follow the reply's last token; the reply is complete without them. Shorter than the
# chain's limit between two events. Otherwise, another model would continue the reply.
USAGE_S: Final = 0.7
MAX_ERROR_BYTES: Final = 64_000
# The vendors publish no figure for the first token, so their accounts begin at the bound of all deadlines.
VENDOR_WAIT: Final = UsualWait(0.5, 0.9)
_HEADERS: Final = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
}

T = TypeVar("T")


@dataclass(slots=True)
class ChatServer:
    """The state that all calls with the same server and model share.

    Attributes:
        refused: The fields that the model does not accept, as its errors reported.
        warm: The server's connections.
        tls: The TLS settings, or None for aiohttp's defaults.
    """

    refused: set[str] = field(default_factory=set)
    warm: WarmServer | None = None
    tls: ssl.SSLContext | None = None

    async def close(self) -> None:
        """Do nothing, because the connections are shared with other models."""


class StreamedLanguageModel:
    """A LanguageModel over HTTP. The caller owns the HTTP session, which pools the connections of all calls.

    Args:
        api: The vendor's API for one model.
    """

    def __init__(self, api: ChatApi, http: aiohttp.ClientSession, server: ChatServer | None = None) -> None:
        self.name = api.provider
        self._api = api
        self._http = http
        self._server = server or ChatServer()

    def prepare(self) -> None:
        """Open a connection in the background if none is idle."""
        if self._server.warm is not None:
            self._server.warm.prepare()

    async def stream(self, request: ChatRequest) -> AsyncIterator[LanguageModelEvent]:
        """Stream one reply. Tool calls arrive complete, at its end. Raises ProviderError.

        If the stream breaks after the server accepted the request, an estimate of the tokens precedes the error.
        """
        reply = self._api.make_reader()
        deadline = asyncio.get_running_loop().time() + self._api.timeouts.first_token_s
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
            yield reply.spent(request)
            raise
        finally:
            response.close()

    async def _events(
        self, response: aiohttp.ClientResponse, reply: ReplyReader, deadline: float
    ) -> AsyncGenerator[LanguageModelEvent, None]:
        parser = SseParser()
        while not reply.done:
            try:
                chunk = await self._within(deadline, response.content.readany(), "no token in time")
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
                idle_s = self._api.timeouts.idle_s
                limit_s = min(USAGE_S, idle_s) if reply.is_complete else idle_s
                deadline = asyncio.get_running_loop().time() + limit_s

    async def _post(self, request: ChatRequest, deadline: float) -> aiohttp.ClientResponse:
        """Send the request and return the response.

        If the model refuses a field, the request is repeated without it, and further requests omit it. This happens at
        most once per field. A refused request is neither computed nor billed.
        """
        while True:
            left_out = frozenset(self._server.refused)  # another call may add a field while this one waits
            response = await self._within(deadline, self._request(request, left_out), "no answer in time")
            if response.status == 200 and response.content_type == "text/event-stream":
                return response
            body = await self._read_refusal(response, deadline)
            refused = self._api.find_refused_field(body)
            if not refused or refused in left_out:
                raise self._api.make_error(response.status, body)
            self._server.refused.add(refused)

    async def _read_refusal(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """Return the body of a response that is not a stream. Raises ProviderError if its status is 200."""
        try:
            if response.status == 200:
                reason = f"answered with {name_media_type(response.content_type)} instead of an event stream"
                raise ProviderError(self.name, reason, retryable=False, cause="unreadable")
            return await self._read_error(response, deadline)
        finally:
            response.close()

    async def _read_error(self, response: aiohttp.ClientResponse, deadline: float) -> bytes:
        """Return the body of an HTTP error, or the part that arrived in time, because the status matters more than a
        complete body."""
        body = bytearray()
        with suppress(ProviderError):
            while len(body) < MAX_ERROR_BYTES:
                if not (piece := await self._within(deadline, response.content.readany(), "no answer in time")):
                    break
                body += piece
        return bytes(body[:MAX_ERROR_BYTES])

    async def _request(self, request: ChatRequest, left_out: frozenset[str]) -> aiohttp.ClientResponse:
        if self._server.warm is not None:
            self._server.warm.take()
        return await self._http.post(
            URL(self._api.url, encoded=True),
            data=msgspec.json.encode(self._api.make_body(request, left_out)),
            headers={**_HEADERS, **self._api.headers},
            timeout=aiohttp.ClientTimeout(total=None, connect=self._api.timeouts.connect_s),
            ssl=self._server.tls or True,
            allow_redirects=False,
        )

    def _payloads(self, parser: SseParser, chunk: bytes) -> list[bytes]:
        """Return the data of the events that are now complete. An empty chunk ends the stream."""
        try:
            return parser.feed(chunk) if chunk else parser.end()
        except SseError as error:
            raise ProviderError(self.name, str(error), cause="unreadable") from error

    async def _within(self, deadline: float, waiting: Awaitable[T], timeout_reason: str) -> T:
        """Await `waiting` until `deadline` (in the loop's clock). Maps every network error to ProviderError."""
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
    """Read the response to its end. Return whether its connection can be reused."""
    try:
        async with asyncio.timeout(DRAIN_S):
            while await response.content.readany():
                pass
    except (TimeoutError, aiohttp.ClientError):
        return False  # the reply is complete; only the connection is not reused
    return True


def share_server(setup: ProviderSetup, api: ChatApi, *key: str) -> ChatServer:
    """Return the server that calls share. A guarded provider has its own session, and so its own connections.

    Args:
        key: The values that distinguish models at the API's host.
    """
    resources, parts = setup.resources, urlsplit(api.url)

    def make_warm() -> WarmServer:
        return WarmServer(setup.http, api.url, resources.tls)

    def make() -> ChatServer:
        host = (WarmServer, parts.scheme, parts.netloc, setup.guarded)
        return ChatServer(warm=resources.share_account(host, make_warm, WarmServer.close), tls=resources.tls)

    return resources.share_account((ChatServer, *key, setup.guarded), make, ChatServer.close)
