"""The protocol's server for as long as the API runs. The library is loaded for the first request: it takes 44 MB and a
second, which a process without MCP clients is spared."""

import asyncio
import importlib
from types import ModuleType
from typing import Final

import structlog

from control.mcp.asgi_exchange import AsgiExchange
from shared.errors import Unavailable

log = structlog.get_logger()

LOAD_S: Final = 20.0
CLOSE_S: Final = 5.0


class ProtocolTask:
    """version, max_body_bytes: as of McpProtocol."""

    def __init__(self, version: str, max_body_bytes: int) -> None:
        self._version, self._max_body_bytes = version, max_body_bytes
        self._end = asyncio.Event()
        self._ready: asyncio.Future[object] | None = None
        self._task: asyncio.Task[None] | None = None

    async def answer(self, exchange: AsgiExchange) -> None:
        """Answers one request. Raises Unavailable while the library does not load."""
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
        """Ends what is still running."""
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
