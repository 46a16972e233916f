"""Background tasks for MCP servers: keep tool lists up to date, so that no call waits for a list."""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from control.db.duties import OutsideDuty, WorkerTasks
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.tools.mcp_servers import queries
from control.tools.mcp_servers.execution import ToolListing
from control.tools.mcp_servers.rules import McpServer
from control.tools.mcp_servers.service import McpServers
from shared.errors import Conflict, NotFound, TooManyRequests
from shared.logs import error_fields

log = structlog.get_logger()
# A list is requested again after this time, and when its server reports a change.
MAX_AGE: Final = timedelta(minutes=30)
AT_ONCE: Final = 8


def tools_tasks(servers: McpServers) -> WorkerTasks:
    """Return the duty `mcp_lists`."""

    async def mcp_lists(pool: Pool, now: datetime) -> int:
        return await refresh_lists(pool, servers, now)

    return WorkerTasks(duties=[OutsideDuty("mcp_lists", 60, mcp_lists, AT_ONCE)])


async def refresh_lists(pool: Pool, servers: McpServers, now: datetime) -> int:
    """Request the lists of up to AT_ONCE servers concurrently, if the lists are older than MAX_AGE. Return the number
    of servers.
    """
    async with pool.transaction() as db:
        await enter_platform(db)
        due = await _select_due(db, now)
    if due:
        await servers.connections.load_library()
    answers = await asyncio.gather(*(_ask(servers, server) for server in due), return_exceptions=True)
    for server, answer in zip(due, answers, strict=True):
        listing = _failed(server, answer) if isinstance(answer, BaseException) else answer
        if listing is None:
            continue
        async with pool.transaction() as db:
            await enter_platform(db)
            try:
                await servers.save_listing(db, listing, now)
            except NotFound:  # the server was deleted meanwhile
                continue
    return len(due)


async def _select_due(db: Connection, now: datetime) -> list[McpServer]:
    keys = await queries.select_due_servers(db, now - MAX_AGE, AT_ONCE)
    return [server for key in keys if (server := await queries.select_server(db, *key)) is not None]


async def _ask(servers: McpServers, server: McpServer) -> ToolListing | None:
    """Request the list of a server. Return None if this process has no room for a session and should retry later."""
    try:
        return await servers.listing(server)()
    except Conflict as problem:
        return ToolListing(server, error=problem.message)
    except TooManyRequests:
        return None


def _failed(server: McpServer, error: BaseException) -> ToolListing:
    """Return a listing that reports an unexpected error.

    A single server must not prevent the lists of all workspaces from being refreshed. Raises exceptions that end the
    process.
    """
    if not isinstance(error, Exception):
        raise error
    log.error("mcp_list.failed", server_id=str(server.id), **error_fields(error))
    return ToolListing(server, error="The list could not be read.")
