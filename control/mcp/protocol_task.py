"""The protocol's server for as long as the API runs, and the exchanges that are handed to it.

The library is loaded for the first request: it takes 44 MB and a second, which a process without MCP clients is spared.
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
# Where the scope holds the tools of the request's key.
KEY_TOOLS: Final = "vocalized.key_tools"
# What the library reads. The key is not among it.
_PASSED: Final = ("Accept", "Content-Type", "Content-Length", "Host", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")


class AsgiExchange:
    """One request and its response in memory, in ASGI's form, which the library for MCP takes.

    Source: https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope

    Args:
        body: Of the request, whole.
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
        """Return the body, once. Then waits until it is cancelled, because aiohttp does not report a lost client."""
        if self._body is None:
            await asyncio.Event().wait()
        body, self._body = self._body, None
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(self, message: MutableMapping[str, Any]) -> None:
        """Collects the response."""
        if message["type"] == "http.response.start":
            self._status = message["status"]
            for name, value in message.get("headers", ()):
                self._headers.add(name.decode("latin-1"), value.decode("latin-1"))
        elif message["type"] == "http.response.body":
            self._answer += message.get("body", b"")

    def response(self) -> web.Response:
        """Return the whole response, once the application has returned."""
        self._headers.popall("Content-Length", None)
        return web.Response(status=self._status, headers=self._headers, body=bytes(self._answer))


def _pass_headers(request: web.Request) -> list[tuple[bytes, bytes]]:
    """Return headers in lower case, as ASGI has them. Keeps each value of a repeated name, because the library refuses
    repeats."""
    return [
        (name.lower().encode("latin-1"), value.encode("utf-8", "replace"))
        for name in _PASSED
        for value in request.headers.getall(name, ())
    ]


class ProtocolTask:
    """Runs the library's server.

    Args:
        version, max_body_bytes: As of McpProtocol.
    """

    def __init__(self, version: str, max_body_bytes: int) -> None:
        self._version, self._max_body_bytes = version, max_body_bytes
        self._end = asyncio.Event()
        self._ready: asyncio.Future[object] | None = None
        self._task: asyncio.Task[None] | None = None

    async def answer(self, exchange: AsgiExchange) -> None:
        """Answer one request. Raises Unavailable while the library does not load."""
        if self._task is None or self._task.done():
            self._ready = asyncio.get_running_loop().create_future()
            self._task = asyncio.create_task(self._live(self._ready))
        assert self._ready is not None
        try:
            async with asyncio.timeout(LOAD_S):
                protocol = await asyncio.shield(self._ready)
        except TimeoutError:
            raise Unavailable("The server for MCP is still starting; try again in a moment.") from None
        await protocol.answer(exchange)  # type: ignore[attr-defined]

    async def close(self) -> None:
        """End what is still running."""
        self._end.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()

    async def _live(self, ready: "asyncio.Future[object]") -> None:
        """One task enters and leaves the library's context, as it demands."""
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
                ready.set_exception(Unavailable("There is no server for MCP here."))


def _load_library() -> ModuleType:
    return importlib.import_module("control.mcp.protocol")
