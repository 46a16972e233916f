"""Runs the protocol's server while the API runs, and passes requests to it.

The library is loaded at the first request, because it takes 44 MB and a second. A process without MCP clients saves
both.
"""

import asyncio
import importlib
from collections.abc import MutableMapping
from types import ModuleType
from typing import Any, Final

import structlog
from aiohttp import web
from multidict import CIMultiDict

from control.mcp.tool_calls import KeyTools
from shared.errors import Unavailable

log = structlog.get_logger()
LOAD_S: Final = 20.0
CLOSE_S: Final = 5.0
# Key of the scope entry that contains the tools of the request's API key.
KEY_TOOLS: Final = "vocalized.key_tools"
# Headers that the library reads. The API key is not among them.
_PASSED: Final = ("Accept", "Content-Type", "Content-Length", "Host", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")


class AsgiExchange:
    """A request and its response in memory, in the ASGI form that the MCP library takes.

    Source: https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope

    Args:
        body: The complete body of the request.
    """

    def __init__(self, request: web.Request, body: bytes, tools: KeyTools) -> None:
        self.scope: dict[str, Any] = {
            "type": "http", "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1",
            "method": request.method, "scheme": request.scheme, "path": request.path, "raw_path": request.path.encode(),
            "root_path": "", "query_string": b"", "headers": _pass_headers(request), "client": None, "server": None,
            KEY_TOOLS: tools,
        }  # fmt: skip
        self._body: bytes | None = body
        self._status = 500
        self._headers: CIMultiDict[str] = CIMultiDict()
        self._answer = bytearray()

    async def receive(self) -> MutableMapping[str, Any]:
        """Return the body once, then wait until cancelled, because aiohttp does not report a lost client."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Collect the response."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            for name, value in message.get("headers", ()):
                self._headers.add(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")

    def response(self) -> web.Response:
        """The complete response, available after the application has returned."""
        self._headers.popall("Content-Length", None)
        return web.Response(status=self._status, headers=self._headers, body=bytes(self._answer))


def _pass_headers(request: web.Request) -> list[tuple[bytes, bytes]]:
    """Return headers with lower-case names, as ASGI requires.

    Each value of a repeated header is kept, because the library refuses repeats.
    """
    return [
        (name.lower().encode("latin-1"), value.encode("utf-8", "replace"))
        for name in _PASSED
        for value in request.headers.getall(name, ())
    ]


class ProtocolTask:
    """Runs the library's server.

    Args:
        version: See McpProtocol.
        max_body_bytes: See McpProtocol.
    """

    def __init__(self, version: str, max_body_bytes: int) -> None:
        self._version, self._max_body_bytes = version, max_body_bytes
        self._end = asyncio.Event()
        self._ready: asyncio.Future[object] | None = None
        self._task: asyncio.Task[None] | None = None

    async def answer(self, exchange: AsgiExchange) -> None:
        """Answer an MCP request. Raises Unavailable if the library cannot be loaded."""
        if self._task is None or self._task.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self._ready))
        assert self._ready is not None
        try:
            async with asyncio.timeout(LOAD_S):
                protocol = await asyncio.shield(self._ready)
        except TimeoutError:
            raise Unavailable("The MCP server is still starting. Try again in a moment.") from None
        await protocol.answer(exchange)  # type: ignore[attr-defined]

    async def close(self) -> None:
        """Stop the server and the requests that are still running."""
        self._end.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()

    async def _live(self, ready: "asyncio.Future[object]") -> None:
        """Enter and leave the library's context in one task, as the library requires."""
        try:
            library = await asyncio.to_thread(_load_library)
            protocol = library.McpProtocol(self._version, self._max_body_bytes)
            async with protocol.running():
                ready.set_result(protocol)
                await self._end.wait()
        except ImportError as error:
            log.error("mcp_library.load_failed", error=type(error).__name__)
        finally:
            if not ready.done():
                ready.set_exception(Unavailable("There is no MCP server here."))


def _load_library() -> ModuleType:
    return importlib.import_module("control.mcp.protocol")
