"""An MCP server of the older protocol (2025-06-18) with sessions, byte for byte, that loses sessions as a test says.

https://modelcontextprotocol.io/specification/2025-06-18/basic/transports#session-management"""

import asyncio
import json
from dataclasses import dataclass, field
from typing import Any

from tests.control.tools.hostile_peer import HostilePeer, Respond, plain

TOOL = {"name": "book", "description": "Books.", "inputSchema": {"type": "object"}}


@dataclass(slots=True)
class LegacyServer:
    """sessions: opened so far; the last one is valid. called: runs of tools. replies: in place of the result of a
    call, in their order. changes: when set, the stream of the session says that the list has changed. text: of
    results. stream, list_reply: in place of the session's stream, and of the list. gate: uses of the tool `wait` are
    answered when it is set."""

    peer: HostilePeer
    sessions: int = 0
    called: list[dict[str, Any]] = field(default_factory=list)
    replies: list[Respond] = field(default_factory=list)
    tools: list[dict[str, Any]] = field(default_factory=lambda: [TOOL])
    changes: asyncio.Event = field(default_factory=asyncio.Event)
    has_forgotten: bool = False
    stream: Respond | None = None
    list_reply: Respond | None = None
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    text: str = "Done"

    async def respond(self, writer: asyncio.StreamWriter) -> None:
        """Answers the newest request."""
        head, _, body = self.peer.requests[-1].partition("\r\n\r\n")
        if head.startswith("GET"):
            await self._stream(writer)
        elif head.startswith("DELETE"):
            await plain("")(writer)
        else:
            message = json.loads(body)
            reply = self._reply(message, head.lower())
            if message.get("params", {}).get("name") == "wait":
                await self.gate.wait()
            await reply(writer)

    def _reply(self, message: dict[str, Any], head: str) -> Respond:
        method, ident = message["method"], message.get("id")
        if method == "initialize":
            self.sessions += 1
            self.has_forgotten = False
            result: dict[str, Any] = {
                "protocolVersion": "2025-06-18",
                "capabilities": {"tools": {"listChanged": True}},
                "serverInfo": {"name": "old", "version": "1"},
            }
            return _result(ident, result, f"Mcp-Session-Id: s{self.sessions}\r\n")
        if f"mcp-session-id: s{self.sessions}" not in head or self.has_forgotten:
            return plain("", "404 Not Found", "text/plain")
        if ident is None:
            return plain("", "202 Accepted", "text/plain")
        if method == "tools/list" and self.list_reply is not None:
            return self.list_reply
        if method == "tools/list":
            return _result(ident, {"tools": self.tools})
        self.called.append(message["params"])
        if self.replies:
            return self.replies.pop(0)
        return _result(ident, {"content": [{"type": "text", "text": f"{self.text}, {head}."}]})

    async def _stream(self, writer: asyncio.StreamWriter) -> None:
        if self.stream is not None:
            await self.stream(writer)
            return
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n")
        await self.changes.wait()
        changed = {"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}
        writer.write(f"event: message\ndata: {json.dumps(changed)}\n\n".encode())
        await asyncio.Event().wait()


def _result(ident: Any, result: dict[str, Any], head: str = "") -> Respond:
    return plain(json.dumps({"jsonrpc": "2.0", "id": ident, "result": result}), head=head)
