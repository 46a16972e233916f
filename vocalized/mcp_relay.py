"""Offers a platform's tools to a program that starts its MCP servers as child processes (stdio): each request goes on
to the platform's MCP endpoint, which decides everything. The only module of this room that imports the library."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx2
import mcp_types as types
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel.server import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from pydantic import ValidationError
from yarl import URL

# The protocol to the endpoint, which has no handshake: a connection that broke concerns one request.
PROTOCOL: Final = "2026-07-28"
# Longer than the endpoint takes at most (30 s).
ANSWER_S: Final = 40.0
CONNECT_S: Final = 5.0
LOOPBACK: Final = ("localhost", "127.0.0.1", "::1")
Context = ServerRequestContext[Any, Any]
T = TypeVar("T")
# Standard error belongs to the program that started us; what the library logs there would repeat its errors.
logging.getLogger("mcp").setLevel(logging.CRITICAL)
logging.getLogger("client").setLevel(logging.CRITICAL)


class RelayError(Exception):
    """The platform does not answer, or refuses; the message says which."""


@dataclass(frozen=True, slots=True)
class RelayOptions:
    """url: of the platform's API. key: an API key. allow: effects beside reading."""

    url: str
    key: str = field(repr=False)
    allow: tuple[str, ...] = ()

    @property
    def endpoint(self) -> str:
        """The address of the MCP endpoint. Raises RelayError for what is no address."""
        try:
            address = URL(self.url)
        except ValueError:
            raise RelayError(f"{self.url} is no address") from None
        if address.scheme not in ("http", "https") or not address.host or address.user or address.query_string:
            raise RelayError(f"{self.url} is no address of an API: https://HOST, without user, password and query")
        if address.scheme == "http" and address.host not in LOOPBACK:
            raise RelayError(f"{self.url} must begin with https://, because the key would be sent in clear")
        path = address.path.rstrip("/")
        whole = address.with_path(path if path.endswith("/mcp") else f"{path}/mcp")
        return str(whole.with_query(allow=",".join(self.allow)) if self.allow else whole)


class McpRelay:
    """Requests to the endpoint over warm connections."""

    def __init__(self, endpoint: str, http: httpx2.AsyncClient) -> None:
        self._endpoint, self._http = endpoint, http

    async def read_instructions(self) -> str | None:
        """What the endpoint tells models about its tools. Raises RelayError if the platform cannot be used."""

        async def read(client: Client) -> str | None:
            return client.instructions

        return await self._ask(read, mode="auto")

    async def list_tools(self) -> types.ListToolsResult:
        """What the key's connection has. Raises RelayError."""
        return await self._ask(lambda client: client.list_tools())

    async def call_tool(self, name: str, arguments: dict[str, Any]) -> types.CallToolResult:
        """Not repeated: it may have been done. Raises RelayError."""
        request = types.CallToolRequest(params=types.CallToolRequestParams(name=name, arguments=arguments))
        return await self._ask(lambda client: client.session.send_request(request, types.CallToolResult))

    async def _ask(self, ask: Callable[[Client], Awaitable[T]], mode: str = PROTOCOL) -> T:
        transport = streamable_http_client(self._endpoint, http_client=self._http)
        try:
            async with Client(transport, mode=mode, read_timeout_seconds=ANSWER_S, cache=None) as client:
                return await ask(client)
        except (MCPError, ValidationError, ExceptionGroup, httpx2.HTTPError, OSError) as error:
            raise RelayError(_reason(error)) from None

    def server(self, instructions: str | None) -> Server[Any]:
        """An MCP server that relays."""

        async def list_tools(context: Context, params: types.PaginatedRequestParams | None) -> types.ListToolsResult:
            try:
                return await self.list_tools()
            except RelayError as error:
                raise MCPError(types.INTERNAL_ERROR, str(error)) from None

        async def call_tool(context: Context, params: types.CallToolRequestParams) -> types.CallToolResult:
            try:
                return await self.call_tool(params.name, params.arguments or {})
            except RelayError as error:
                return types.CallToolResult(content=[types.TextContent(type="text", text=str(error))], is_error=True)

        return Server(
            "vocalized",
            title="Vocalized",
            instructions=instructions,
            on_list_tools=list_tools,
            on_call_tool=call_tool,
        )


async def run_relay(options: RelayOptions) -> None:
    """Serves standard input and output until the input ends. Raises RelayError at the start if the platform cannot be
    used; later errors are results."""
    timeout = httpx2.Timeout(ANSWER_S, connect=CONNECT_S)
    headers = {"Authorization": f"Bearer {options.key}", "User-Agent": "vocalized-mcp"}
    async with httpx2.AsyncClient(headers=headers, timeout=timeout, follow_redirects=False) as http:
        relay = McpRelay(options.endpoint, http)
        server = relay.server(await relay.read_instructions())
        async with stdio_server() as (incoming, outgoing):
            await server.run(incoming, outgoing, server.create_initialization_options())


def _reason(error: BaseException) -> str:
    """What the platform said; else the kind of error, because its words may hold addresses. The library wraps errors in
    groups."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error.message if isinstance(error, MCPError) else f"the platform does not answer ({type(error).__name__})"
