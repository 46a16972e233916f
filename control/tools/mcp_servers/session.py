"""A session with an MCP server by the official library: the only module that imports it, because it takes 44 MB of
memory. https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#streamable-http"""

import asyncio
import logging
import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Any, Final

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError

from control.tools.argument_schema import reduce_schema
from control.tools.mcp_servers.rules import ListedTool, McpAddress, McpAnswer, McpCallLost, McpCallNotSent, McpRefused
from control.tools.rules import clean
from shared.egress import NOT_PUBLIC, EgressGuard, EgressRefused

# Bytes of one HTTP answer, and of one event in it. Chunks of an answer; each takes 6 us of the event loop.
MOST_BYTES: Final = 1_048_576
MOST_CHUNKS: Final = 16_384
# Most commas of an answer, which bound its values: checking 333,000 empty parts took 1.6 s of the event loop.
MOST_COMMAS: Final = 50_000
MOST_TOOLS: Final = 128
MOST_PAGES: Final = 10
LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 1_000
CONNECT_S: Final = 3.0
# Seconds without a byte of an answer; the whole call has a shorter limit of its own.
READ_S: Final = 30.0
# Pause between two streams of events of a session, and the rate of bytes: parsing 1 MiB of small events takes 1 s.
STREAM_PAUSE_S: Final = 0.2
STREAM_BYTES_PER_S: Final = 65_536
_CLIENT: Final = types.Implementation(name="vocalized", version="1")
# Errors after which the server has not run the tool (https://www.jsonrpc.org/specification#error_object). PARSE_ERROR
# is left out, because the library reports an unreadable answer by it.
_NOT_RUN: Final = frozenset({types.INVALID_PARAMS, types.METHOD_NOT_FOUND})
# Text with which the library reports, by INVALID_REQUEST, that the server no longer has the session and ran nothing.
# Servers that use the library begin the report of a run that was cut off by the end of a session with these words, too.
_FORGOTTEN: Final = "Session terminated"
# The library's logs of a failure may hold addresses and texts of the server. We log the failure itself.
logging.getLogger("mcp").setLevel(logging.CRITICAL)
logging.getLogger("client").setLevel(logging.CRITICAL)
# Failures of a connection after the request, or a part of it, was sent.
_BROKEN: Final = (
    *(httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError),
    *(httpx2.ReadTimeout, httpx2.WriteTimeout),
)
_FAILURES: Final = (httpx2.HTTPError, OSError, RuntimeError, ValueError)


class McpSession:
    """The requests of an open session; any number at once."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_tools(self) -> list[ListedTool]:
        """Returns up to MOST_TOOLS, with schemas in our dialect. Raises McpCallLost, McpRefused."""
        found: list[ListedTool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = types.PaginatedRequestParams(cursor=cursor)
            page = await self._ask(types.ListToolsRequest(params=params), types.ListToolsResult)
            # In a thread, because a server may send schemas that take long to reduce.
            found += await asyncio.to_thread(
                lambda tools: [_listed(tool) for tool in tools if _has_name(tool)], page.tools
            )
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> McpAnswer:
        """Returns the texts of the answer.

        It is not checked against the server's own schema for it, which the library would read and compile. Raises
        McpCallNotSent, McpCallLost, McpRefused.
        """
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments))
        result = await self._ask(types.CallToolRequest(params=params), types.CallToolResult)
        texts = [part.text for part in result.content if isinstance(part, types.TextContent)]
        others = len(result.content) - len(texts)
        if others:
            texts.append(f"({others} parts that are no text were left out)")
        return McpAnswer("\n".join(texts), is_error=bool(result.is_error))

    async def _ask(self, request: Any, answer: type[Any]) -> Any:
        try:
            return await self._client.session.send_request(request, answer)
        except MCPError as error:
            if error.message == _FORGOTTEN and error.code == types.INVALID_REQUEST:
                raise McpCallNotSent("the server has ended the session") from None
            if error.code in _NOT_RUN:
                raise McpRefused(error.message) from None
            raise McpCallLost(f"the server answered with an error ({error.code})") from None
        except ValidationError:
            raise McpCallLost("the answer does not follow the protocol") from None
        except _FAILURES as error:
            raise McpCallLost(f"the connection broke ({type(error).__name__})") from None


@asynccontextmanager
async def open_session(
    address: McpAddress, guard: EgressGuard, report_change: Callable[[], None]
) -> AsyncIterator[McpSession]:
    """Opened and closed by one task. Raises McpCallNotSent when there is no session.

    Args:
        report_change: Called when the server says that its list of tools has changed.
    """

    async def receive(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            report_change()

    tls = await asyncio.to_thread(httpx2.create_ssl_context)  # reads some hundred certificates
    limits = httpx2.Timeout(READ_S, connect=CONNECT_S)
    async with httpx2.AsyncClient(
        transport=GuardedMcpTransport(guard, tls),
        headers={**address.headers, "Accept-Encoding": "identity"},
        timeout=limits,
        follow_redirects=False,
        trust_env=False,
    ) as http:
        transport = streamable_http_client(address.url, http_client=http, max_sse_event_size=MOST_BYTES)
        client = Client(
            transport, read_timeout_seconds=READ_S, cache=None, message_handler=receive, client_info=_CLIENT
        )
        try:
            await client.__aenter__()
        except (MCPError, ValidationError, ExceptionGroup, *_FAILURES) as error:
            raise McpCallNotSent(_why(error)) from None
        try:
            yield McpSession(client)
        finally:
            with suppress(MCPError, ExceptionGroup, *_FAILURES):
                await client.__aexit__(None, None, None)


class GuardedMcpTransport(httpx2.AsyncBaseTransport):
    """Connects to addresses that the guard allows only, refuses redirects, and bounds the size of an answer.

    A connection that breaks after the request was sent becomes an answer with status 502, and one that breaks in an
    answer its end: the library would end the session for an error, and with it the requests of all other calls.

    Streams of events are opened at a bounded rate. The library opens one again as soon as the server says: one that
    said 0 ms took a whole core.
    """

    def __init__(self, guard: EgressGuard, tls: ssl.SSLContext) -> None:
        self._guard = guard
        self._inner = httpx2.AsyncHTTPTransport(verify=tls)
        self._next_stream = 0.0  # on the event loop's clock

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Sends one request to the first address that answers. Raises httpx2.ConnectError if the address is refused."""
        if request.method == "GET":
            await self._wait_for_turn()
        *others, last = await self._resolve(request)
        for address in others:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):  # before anything was sent
                return await self._send(request, address)
        return await self._send(request, last)

    async def aclose(self) -> None:
        """Closes the connections."""
        await self._inner.aclose()

    async def _wait_for_turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_stream)
        self._next_stream = at + STREAM_PAUSE_S
        await asyncio.sleep(at - now)

    def _count_stream(self, size: int) -> None:
        """Puts the next stream off by the work that this one made."""
        self._next_stream += size / STREAM_BYTES_PER_S

    async def _resolve(self, request: httpx2.Request) -> list[str]:
        url = request.url
        try:
            self._guard.check_url(str(url))
            found = await self._guard.resolve(url.host, url.port or 443)
        except EgressRefused as refused:
            raise httpx2.ConnectError(str(refused), request=request) from None
        except OSError:
            found = []
        if not found:
            raise httpx2.ConnectError(NOT_PUBLIC, request=request)
        return [str(address) for address in found]

    async def _send(self, request: httpx2.Request, address: str) -> httpx2.Response:
        pinned = httpx2.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,  # with the host's name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        try:
            answer = await self._inner.handle_async_request(pinned)
        except _BROKEN:
            return httpx2.Response(502, request=request)
        if 300 <= answer.status_code < 400 or answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            # Not a ConnectError, which would send the request to the next address: the request has arrived.
            raise httpx2.RemoteProtocolError("the server answers with a redirect, or compressed", request=request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_BoundedStream(answer.stream, self._count_stream if request.method == "GET" else None),
            extensions=answer.extensions,
        )


class _BoundedStream(httpx2.AsyncByteStream):
    """A body, which ends where the connection breaks, and after MOST_BYTES, MOST_CHUNKS or MOST_COMMAS: what is cut off
    is no valid message."""

    def __init__(self, inner: httpx2.AsyncByteStream, count: Callable[[int], None] | None) -> None:
        """`count` is called with the size of each part."""
        self._inner, self._count = inner, count

    async def __aiter__(self) -> AsyncIterator[bytes]:
        size = chunks = commas = 0
        with suppress(httpx2.TransportError):
            async for part in self._inner:
                size, chunks, commas = size + len(part), chunks + 1, commas + part.count(b",")
                if self._count is not None:
                    self._count(len(part))
                if size > MOST_BYTES or chunks > MOST_CHUNKS or commas > MOST_COMMAS:
                    return
                yield part

    async def aclose(self) -> None:
        await self._inner.aclose()


def _has_name(tool: types.Tool) -> bool:
    """Returns whether agents can use the tool's name: short enough, without invisible characters or characters that the
    database cannot store."""
    return 0 < len(tool.name) <= LONGEST_NAME and clean(tool.name, LONGEST_NAME) == tool.name


def _listed(tool: types.Tool) -> ListedTool:
    """Returns the tool with the server's annotations. The workspace trusts the server with the call's data anyway."""
    hints = tool.annotations
    is_read_only = bool(hints and hints.read_only_hint) and not (hints and hints.destructive_hint)
    description = clean(tool.description or tool.title or "", LONGEST_DESCRIPTION)
    reduced = reduce_schema(tool.input_schema)
    return ListedTool(tool.name, description, reduced.parameters, is_read_only, reduced.names)


def _why(error: Exception) -> str:
    """Words that hold no address. The library wraps what its tasks raise."""
    causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
    kinds = (httpx2.ConnectError, httpx2.RemoteProtocolError)
    refused = next((str(cause) for cause in causes if isinstance(cause, kinds)), "")
    if "public internet" in refused or "redirect" in refused:
        return refused
    return "there is no MCP server at this address, or it refuses these headers"
