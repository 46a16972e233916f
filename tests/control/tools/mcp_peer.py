"""MCP servers on a socket: the time server from the registry, which others wrote, and one whose behavior a test sets.

Both speak Streamable HTTP, served by uvicorn as the library's documentation has it."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import uvicorn
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp_server_time.server import create_server  # type: ignore[import-untyped]
from mcp_types import ToolAnnotations


@dataclass(slots=True)
class ScriptedTools:
    """A server with tools as tests need them. booked: runs of `book`. gate: `wait` answers when it is set."""

    booked: list[str] = field(default_factory=list)
    waits: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)
    text: str = "Free at ten."
    server: MCPServer = field(init=False)

    def __post_init__(self) -> None:
        self.server = MCPServer("diary")

        @self.server.tool(annotations=ToolAnnotations(read_only_hint=True))
        async def find_slots(day: str) -> str:
            """Finds free times of a day."""
            return self.text

        @self.server.tool(annotations=ToolAnnotations(read_only_hint=False, destructive_hint=True))
        async def book(hour: str) -> str:
            """Books a time."""
            self.booked.append(hour)
            return f"Booked at {hour}."

        @self.server.tool()
        async def wait() -> str:
            """Answers late."""
            self.waits += 1
            await self.gate.wait()
            return "Done."

        @self.server.tool()
        async def fail() -> str:
            """Fails."""
            raise ToolError("the diary is locked")


def make_time_server() -> MCPServer:
    """https://pypi.org/project/mcp-server-time/ as it is."""
    server: MCPServer = create_server("Etc/UTC")
    return server


@asynccontextmanager
async def running_mcp(server: MCPServer, **options: Any) -> AsyncIterator[str]:
    """The server until the block ends; returns its address."""
    app = server.streamable_http_app(**options)
    # With the protocol named, because asyncio turns off delays (TCP_NODELAY) only then.
    with socket.socket(proto=socket.IPPROTO_TCP) as listening:
        listening.bind(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        config = uvicorn.Config(app, log_level="critical", lifespan="on", timeout_graceful_shutdown=1, ws="none")
        running = uvicorn.Server(config)
        task = asyncio.create_task(running.serve(sockets=[listening]))
        try:
            while not running.started:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            yield f"http://127.0.0.1:{port}/mcp"
        finally:
            running.should_exit = True
            await task
