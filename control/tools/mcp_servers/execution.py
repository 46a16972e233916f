"""Calls MCP servers through warm sessions: one per server, with a limit per process, closed when unused."""

import asyncio
import importlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import structlog

from control.tools.argument_schema import restore_names
from control.tools.mcp_servers.rules import (
    ListedTool,
    McpAddress,
    McpAnswer,
    McpCallLost,
    McpCallNotSent,
    McpRefused,
    McpRequests,
    McpServer,
    model_name,
)
from control.tools.rules import REFUSED, UNREACHABLE, clean, hide_secrets, mark_outside
from shared.egress import EgressGuard
from shared.errors import Conflict, TooManyRequests, Unavailable

log = structlog.get_logger()


# -- Warm sessions --

MOST_SESSIONS: Final = 64
# A workspace may use at most this fraction of the sessions, and less while other workspaces use many.
_SHARE: Final = 4
IDLE_S: Final = 120.0
OPEN_S: Final = 5.0
CLOSE_S: Final = 2.0
# A server's id and the time of its last change, so that a changed server gets a new session.
SessionKey = tuple[UUID, str]
# Called with the id of a server whose tool list changed.
ReportChange = Callable[[UUID], None]


class _Connection:
    """A session and the task that opens and closes it."""

    def __init__(self, address: McpAddress, guard: EgressGuard, report_change: Callable[[], None]) -> None:
        self.owner = address.owner
        self.users = 0
        self.idle: asyncio.TimerHandle | None = None
        self._end = asyncio.Event()
        self._opened: asyncio.Future[McpRequests] = asyncio.get_running_loop().create_future()
        self._opened.add_done_callback(lambda future: future.cancelled() or future.exception())
        self.task = asyncio.create_task(self._live(address, guard, report_change))
        self.task.add_done_callback(self._on_end)

    @property
    def is_over(self) -> bool:
        return self._end.is_set() or self.task.done()

    async def opened(self) -> McpRequests:
        """Wait until the session is open. Raises McpCallNotSent."""
        return await asyncio.shield(self._opened)

    def end(self) -> None:
        self._end.set()
        if not self._opened.done():
            self.task.cancel()

    async def _live(self, address: McpAddress, guard: EgressGuard, report_change: Callable[[], None]) -> None:
        library = await asyncio.to_thread(_load_library)
        async with asyncio.timeout(OPEN_S) as limit, library.open_session(address, guard, report_change) as session:
            limit.reschedule(None)
            self._opened.set_result(session)
            await self._end.wait()
            limit.reschedule(asyncio.get_running_loop().time() + CLOSE_S)

    def _on_end(self, task: asyncio.Task[None]) -> None:
        """Pass the reason for the end to the callers that wait for the session."""
        self._end.set()
        error = None if task.cancelled() else task.exception()
        if isinstance(error, McpCallNotSent):
            reason = str(error)
        else:
            reason = f"no session within {OPEN_S:g} s" if isinstance(error, TimeoutError) else "the session has ended"
        if not self._opened.done():
            self._opened.set_exception(McpCallNotSent(reason))
        if error is not None and not isinstance(error, McpCallNotSent | TimeoutError):
            log.warning("mcp_session.failed", error=type(error).__name__)


class McpConnections:
    """The warm sessions of a process.

    Args:
        guard: Checks the servers' addresses.
        idle_s: How long an unused session is kept, in seconds.
    """

    def __init__(self, guard: EgressGuard, most: int = MOST_SESSIONS, idle_s: float = IDLE_S) -> None:
        self.guard = guard
        self.report_change: ReportChange = lambda server_id: None
        self._most, self._idle_s = most, idle_s
        self._connections: dict[SessionKey, _Connection] = {}
        self._retired: set[_Connection] = set()

    async def load_library(self) -> None:
        """Import the library of sessions in advance. The import takes a second, or several on a busy machine."""
        await asyncio.to_thread(_load_library)

    @property
    def count(self) -> int:
        """Number of sessions that are open or being opened."""
        return len(self._connections)

    @asynccontextmanager
    async def session(self, key: SessionKey, address: McpAddress) -> AsyncIterator[McpRequests]:
        """Return the server's session. Opens a session if there is none.

        If McpCallNotSent or McpCallLost is raised in the block, or a use is canceled, the session gets no further
        requests, because the library may continue with the last request. Raises McpCallNotSent, TooManyRequests (code
        busy).
        """
        connection = self._find(key) or self._connect(key, address)
        connection.users += 1
        if connection.idle is not None:
            connection.idle.cancel()
            connection.idle = None
        try:
            yield await connection.opened()
        except (McpCallNotSent, McpCallLost, asyncio.CancelledError):
            self._retire(key, connection)
            raise
        finally:
            connection.users -= 1
            if connection in self._retired:
                self._end_unused(connection)
            elif not connection.users and not connection.is_over:
                loop = asyncio.get_running_loop()
                connection.idle = loop.call_later(self._idle_s, self._drop, key, connection)

    async def close(self) -> None:
        """End all sessions."""
        connections = list(self._connections.items())
        for key, connection in connections:
            self._drop(key, connection)
        for connection in self._retired:
            connection.end()
        tasks = [connection.task for connection in (*(connection for _, connection in connections), *self._retired)]
        if tasks:
            await asyncio.wait(tasks, timeout=2 * CLOSE_S)

    def _find(self, key: SessionKey) -> _Connection | None:
        connection = self._connections.get(key)
        return None if connection is None or connection.is_over else connection

    def _connect(self, key: SessionKey, address: McpAddress) -> _Connection:
        owned = sum(connection.owner == address.owner for connection in self._connections.values())
        # The share is at most the number of unused sessions, so that other workspaces can open sessions even if many
        # servers hang.
        unused = self._most - sum(connection.idle is None for connection in self._connections.values())
        is_full = owned >= min(max(self._most // _SHARE, 1), unused) and not self._drop_idle(address.owner)
        if is_full or (len(self._connections) >= self._most and not self._drop_idle()):
            raise TooManyRequests(
                "Too many MCP servers are in use. Try again in a moment.", code="busy", retry_after_s=1
            )
        server_id = key[0]
        made = _Connection(address, self.guard.of(address.owner), lambda: self.report_change(server_id))
        made.task.add_done_callback(lambda _: self._forget(key, made))
        self._connections[key] = made
        return made

    def _drop_idle(self, owner: str | None = None) -> bool:
        """End the owner's session that has been idle for longest. Return False if all sessions are in use."""
        idle = [
            (connection.idle.when(), key, connection)
            for key, connection in self._connections.items()
            if connection.idle is not None and owner in (None, connection.owner)
        ]
        if not idle:
            return False
        _, key, connection = min(idle, key=lambda entry: entry[0])
        self._drop(key, connection)
        return True

    def _retire(self, key: SessionKey, connection: _Connection) -> None:
        """End the session after its last use.

        A failure must not interrupt other calls that wait for this server, because the outcome of their bookings would
        be unknown.
        """
        if connection.is_over or connection in self._retired:
            return
        self._forget(key, connection)
        self._retired.add(connection)
        connection.task.add_done_callback(lambda _: self._retired.discard(connection))
        self._end_unused(connection)

    def _end_unused(self, connection: _Connection) -> None:
        if not connection.users:
            connection.end()

    def _drop(self, key: SessionKey, connection: _Connection) -> None:
        self._forget(key, connection)
        if connection.idle is not None:
            connection.idle.cancel()
            connection.idle = None
        connection.end()

    def _forget(self, key: SessionKey, connection: _Connection) -> None:
        if self._connections.get(key) is connection:
            del self._connections[key]


def _load_library() -> Any:
    """Import the session module. This takes a second, so it runs in a thread, and 44 MB, so it happens only if
    needed."""
    return importlib.import_module("control.tools.mcp_servers.session")


# -- Running a tool --

LONGEST_REASON: Final = 500


@dataclass(frozen=True, slots=True)
class McpExecution:
    """Runs a tool of an MCP server: one call, repeated once if a repeat is safe.

    Attributes:
        secrets: Secret header values, which are masked in the answer.
    """

    connections: McpConnections
    server: McpServer
    secrets: Mapping[str, str] = field(repr=False)

    async def run(self, tool: ListedTool, arguments: Mapping[str, Any], timeout_s: float) -> str:
        """Return the result, marked as outside data.

        Raises:
            Conflict: The call was refused or the server is unreachable (codes tool_refused, tool_unreachable).
            Unavailable: It is unknown whether the tool ran.
            TooManyRequests: Too many sessions are in use (code busy).
        """
        name = model_name(self.server.name, tool.name)
        try:
            async with asyncio.timeout(timeout_s):
                answer = await self._call(tool, arguments)
        except McpCallNotSent as error:
            raise Conflict(f"{name} cannot be reached: {error}. Nothing was done.", code=UNREACHABLE) from None
        except McpRefused as error:
            text = self._marked(str(error), name, LONGEST_REASON)
            raise Conflict(f"{name} was refused by its server.\n{text}", code=REFUSED) from None
        except (McpCallLost, TimeoutError) as error:
            reason = str(error) or f"there was no answer within {timeout_s:g} s"
            if tool.is_read_only:
                raise Conflict(f"{name} did not answer: {reason}.", code=UNREACHABLE) from None
            raise Unavailable(f"{name} did not answer: {reason}.") from None
        return self._result(name, answer)

    async def list_tools(self, timeout_s: float) -> list[ListedTool]:
        """Return the server's current list of tools. Raises McpCallNotSent, McpCallLost, McpRefused,
        TooManyRequests."""
        try:
            async with asyncio.timeout(timeout_s), self._connected() as session:
                return await session.list_tools()
        except TimeoutError:
            raise McpCallLost(f"there was no answer within {timeout_s:g} s") from None

    async def _call(self, tool: ListedTool, arguments: Mapping[str, Any]) -> McpAnswer:
        """Call the tool. If the session is lost, retry in a new session, provided that the first call did not run or a
        repeat is safe.
        """
        try:
            return await self._call_once(tool, arguments)
        except McpCallNotSent:
            pass
        except McpCallLost:
            if not tool.is_read_only:
                raise
        return await self._call_once(tool, arguments)

    async def _call_once(self, tool: ListedTool, arguments: Mapping[str, Any]) -> McpAnswer:
        async with self._connected() as session:
            return await session.call_tool(tool.name, restore_names(arguments, tool.names))

    def _connected(self) -> AbstractAsyncContextManager[McpRequests]:
        headers = {**self.server.config.headers, **self.secrets}
        address = McpAddress(self.server.config.url, headers, str(self.server.workspace_id))
        return self.connections.session(self._key, address)

    @property
    def _key(self) -> SessionKey:
        return self.server.id, self.server.updated_at.isoformat()

    def _result(self, name: str, answer: McpAnswer) -> str:
        text = self._marked(answer.text, name, self.server.config.max_result_chars)
        if answer.is_error:
            raise Conflict(f"{name} failed.\n{text}", code=REFUSED)
        return text

    def _marked(self, text: str, name: str, most: int) -> str:
        return mark_outside(hide_secrets(text, self.secrets), name, most)


# -- The tool list of a server --

LIST_S: Final = 10.0
LONGEST_ERROR: Final = 300


@dataclass(frozen=True, slots=True)
class ToolListing:
    """The result of requesting a server's tool list.

    Attributes:
        error: Why there is no list. None if there is a list.
    """

    server: McpServer
    tools: Sequence[ListedTool] = ()
    error: str | None = None


async def list_tools(execution: McpExecution) -> ToolListing:
    """Return the server's current list, or the reason why it is unavailable. Raises TooManyRequests (code busy)."""
    server = execution.server
    try:
        return ToolListing(server, await execution.list_tools(LIST_S))
    except (McpCallNotSent, McpCallLost, McpRefused) as error:
        return ToolListing(server, error=clean(hide_secrets(f"{error}.", execution.secrets), LONGEST_ERROR))
