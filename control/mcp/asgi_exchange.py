"""One request and its response in ASGI's form, which the library for MCP takes, in memory: aiohttp has received the
one, and sends the other. https://asgi.readthedocs.io/en/latest/specs/www.html#http-connection-scope"""

import asyncio
from collections.abc import MutableMapping
from typing import Any, Final

from aiohttp import web
from multidict import CIMultiDict

from control.mcp.key_tools import KeyTools

# Where the scope holds the tools of the request's key.
KEY_TOOLS: Final = "vocalized.key_tools"
# What the library reads. The key is not among it.
_PASSED: Final = ("Accept", "Content-Type", "Content-Length", "Host", "Mcp-Protocol-Version", "Mcp-Method", "Mcp-Name")


class AsgiExchange:
    """body: of the request, whole."""

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
        """The body, once. Afterwards it waits until it is cancelled: aiohttp tells nobody of a client that has gone."""
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
        """The whole response, once the application has returned."""
        self._headers.popall("Content-Length", None)
        return web.Response(status=self._status, headers=self._headers, body=bytes(self._answer))


def _pass_headers(request: web.Request) -> list[tuple[bytes, bytes]]:
    """In lower case, as ASGI has them; every one of a repeated name, because the library refuses those."""
    return [
        (name.lower().encode("latin-1"), value.encode("utf-8", "replace"))
        for name in _PASSED
        for value in request.headers.getall(name, ())
    ]
