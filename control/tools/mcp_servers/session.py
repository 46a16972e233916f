"""A session with an MCP server, through the official library.

Only this module imports the library, because it takes 44 MB of memory.
https://modelcontextprotocol.io/specification/2026-07-28/basic/transports#streamable-http
"""

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

# Limits of an HTTP answer and of a single event: bytes, and chunks. Each chunk takes 6 µs of the event loop.
MOST_BYTES: Final = 1_048_576
MOST_CHUNKS: Final = 16_384
# Maximum number of commas in an answer, which bounds its values. Checking 333,000 empty parts took 1.6 s of the event
# loop.
MOST_COMMAS: Final = 50_000
MOST_TOOLS: Final = 128
MOST_PAGES: Final = 10
LONGEST_NAME: Final = 128
LONGEST_DESCRIPTION: Final = 1_000
CONNECT_S: Final = 3.0
# Longest time without a byte of an answer, in seconds. Each call has its own shorter limit.
READ_S: Final = 30.0
# Pause between two event streams of a session, and limit of the byte rate. Parsing 1 MiB of small events takes 1 s.
STREAM_PAUSE_S: Final = 0.2
STREAM_BYTES_PER_S: Final = 65_536
_CLIENT: Final = types.Implementation(name="vocalized", version="1")
# Errors that mean the tool did not run (https://www.jsonrpc.org/specification#error_object). PARSE_ERROR is excluded,
# because the library also uses it for an unreadable answer.
_NOT_RUN: Final = frozenset({types.INVALID_PARAMS, types.METHOD_NOT_FOUND})
# Text with which the library reports, by INVALID_REQUEST, that the server no longer has the session and ran nothing.
# Servers that use the library also begin the report with these words if the end of a session interrupted a run.
_FORGOTTEN: Final = "Session terminated"
# The library's logs of failures may contain addresses and texts of the server, so we log failures ourselves.
logging.getLogger("mcp").setLevel(logging.CRITICAL)
logging.getLogger("client").setLevel(logging.CRITICAL)
# Connection failures after the request, or a part of it, was sent.
_BROKEN: Final = (
    *(httpx2.ReadError, httpx2.WriteError, httpx2.RemoteProtocolError),
    *(httpx2.ReadTimeout, httpx2.WriteTimeout),
)
_FAILURES: Final = (httpx2.HTTPError, OSError, RuntimeError, ValueError)


class McpSession:
    """Sends requests in an open session. Any number of requests can run concurrently."""

    def __init__(self, client: Client) -> None:
        self._client = client

    async def list_tools(self) -> list[ListedTool]:
        """Return up to MOST_TOOLS tools with schemas in our dialect. Raises McpCallLost, McpRefused."""
        found: list[ListedTool] = []
        cursor: str | None = None
        for _ in range(MOST_PAGES):
            params = types.PaginatedRequestParams(cursor=cursor)
            page = await self._ask(types.ListToolsRequest(params=params), types.ListToolsResult)
            # Runs in a thread, because some schemas take long to reduce.
            found += await asyncio.to_thread(
                lambda tools: [_listed(tool) for tool in tools if _has_name(tool)], page.tools
            )
            cursor = page.next_cursor
            if cursor is None or len(found) >= MOST_TOOLS:
                break
        return found[:MOST_TOOLS]

    async def call_tool(self, name: str, arguments: Mapping[str, Any]) -> McpAnswer:
        """Call a tool and return the texts of the answer.

        The answer is not checked against the server's schema for it, because the library would load and compile that
        schema. Raises McpCallNotSent, McpCallLost, McpRefused.
        """
        params = types.CallToolRequestParams(name=name, arguments=dict(arguments))
        result = await self._ask(types.CallToolRequest(params=params), types.CallToolResult)
        texts = [part.text for part in result.content if isinstance(part, types.TextContent)]
        others = len(result.content) - len(texts)
        if others:
            texts.append(f"({others} parts that are not text were left out)")
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
            raise McpCallLost(f"the connection was lost ({type(error).__name__})") from None


@asynccontextmanager
async def open_session(
    address: McpAddress, guard: EgressGuard, report_change: Callable[[], None]
) -> AsyncIterator[McpSession]:
    """Open a session until the block ends. The same task must open and close it. Raises McpCallNotSent.

    Args:
        report_change: Called when the server reports that its tool list has changed.
    """

    async def receive(message: Any) -> None:
        if isinstance(message, types.ToolListChangedNotification):
            report_change()

    tls = await asyncio.to_thread(httpx2.create_ssl_context)  # loads over a hundred certificates
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
    """Connects only to addresses that the guard allows, refuses redirects, and limits the size of answers.

    If a connection breaks after the request was sent, the transport returns an answer with status 502. If it breaks
    within an answer, the answer ends there. With an error, the library would end the session and with it the requests
    of all other calls.

    The rate of new event streams is limited. The library reopens a stream after the delay that the server chooses, and
    a delay of 0 ms took a whole core.
    """

    def __init__(self, guard: EgressGuard, tls: ssl.SSLContext) -> None:
        self._guard = guard
        self._inner = httpx2.AsyncHTTPTransport(verify=tls)
        self._next_stream = 0.0  # time of the event loop

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send one request to the first address that answers. Raises httpx2.ConnectError if the address is refused."""
        if request.method == "GET":
            await self._wait_for_turn()
        *others, last = await self._resolve(request)
        for address in others:
            with suppress(httpx2.ConnectError, httpx2.ConnectTimeout):  # nothing was sent yet
                return await self._send(request, address)
        return await self._send(request, last)

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()

    async def _wait_for_turn(self) -> None:
        now = asyncio.get_running_loop().time()
        at = max(now, self._next_stream)
        self._next_stream = at + STREAM_PAUSE_S
        await asyncio.sleep(at - now)

    def _count_stream(self, size: int) -> None:
        """Delay the next stream in proportion to the work that this stream caused."""
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
            headers=request.headers,  # includes the host's name
            stream=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        try:
            answer = await self._inner.handle_async_request(pinned)
        except _BROKEN:
            return httpx2.Response(502, request=request)
        if 300 <= answer.status_code < 400 or answer.headers.get("content-encoding", "identity") != "identity":
            await answer.aclose()
            # A ConnectError would send the request to the next address, but the request has already arrived.
            raise httpx2.RemoteProtocolError("the server answers with a redirect, or compressed", request=request)
        assert isinstance(answer.stream, httpx2.AsyncByteStream)
        return httpx2.Response(
            answer.status_code,
            headers=answer.headers,
            stream=_BoundedStream(answer.stream, self._count_stream if request.method == "GET" else None),
            extensions=answer.extensions,
        )


class _BoundedStream(httpx2.AsyncByteStream):
    """A response body that ends where the connection breaks, and at the limits MOST_BYTES, MOST_CHUNKS and MOST_COMMAS.

    A message that was cut off is not valid.
    """

    def __init__(self, inner: httpx2.AsyncByteStream, count: Callable[[int], None] | None) -> None:
        """Create the body.

        Args:
            inner: The stream to read.
            count: Called with the size of each part.
        """
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
    """Return whether agents can use the tool's name.

    The name must be short enough and contain no invisible characters and no characters that the database cannot store.
    """
    return 0 < len(tool.name) <= LONGEST_NAME and clean(tool.name, LONGEST_NAME) == tool.name


def _listed(tool: types.Tool) -> ListedTool:
    """Return the tool with the server's annotations. They are trusted, because the server also gets the call's data."""
    hints = tool.annotations
    is_read_only = bool(hints and hints.read_only_hint) and not (hints and hints.destructive_hint)
    description = clean(tool.description or tool.title or "", LONGEST_DESCRIPTION)
    reduced = reduce_schema(tool.input_schema)
    return ListedTool(tool.name, description, reduced.parameters, is_read_only, reduced.names)


def _why(error: Exception) -> str:
    """Return the reason without addresses. The library wraps the exceptions of its tasks."""
    causes = error.exceptions if isinstance(error, ExceptionGroup) else (error,)
    kinds = (httpx2.ConnectError, httpx2.RemoteProtocolError)
    refused = next((str(cause) for cause in causes if isinstance(cause, kinds)), "")
    if "public internet" in refused or "redirect" in refused:
        return refused
    return "there is no MCP server at this address, or it refuses these headers"
