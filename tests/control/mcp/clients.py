"""The official client of MCP, connected to a running API."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client

# The protocol of 2026-07-28, and the one with a handshake that most programs still speak.
MODES = ("2026-07-28", "legacy")
ACCEPT = {"Accept": "application/json, text/event-stream"}
META = {
    "io.modelcontextprotocol/protocolVersion": MODES[0],
    "io.modelcontextprotocol/clientCapabilities": {},
}


@asynccontextmanager
async def mcp_client(url: str, secret: str, *, allow: str = "", mode: str = "2026-07-28") -> AsyncIterator[Client]:
    """url: of the API."""
    address = f"{url}/mcp" + (f"?allow={allow}" if allow else "")
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {secret}"}, timeout=60) as http,
        Client(streamable_http_client(address, http_client=http), mode=mode, cache=None) as client,
    ):
        yield client


def text_of(result: Any) -> str:
    """The whole text of a result."""
    return "\n".join(part.text for part in result.content)


def call_message(name: str, arguments: dict[str, Any] | None = None) -> dict[str, Any]:
    """A call of a tool as a client of 2025-11-25 writes it."""
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments or {}}}


def modern_headers(method: str, name: str = "", version: str = MODES[0]) -> dict[str, str]:
    """Of a message in the protocol of 2026-07-28, which repeats in headers what stands in the body."""
    named = {"Mcp-Name": name} if name else {}
    return ACCEPT | {"MCP-Protocol-Version": version, "Mcp-Method": method} | named
