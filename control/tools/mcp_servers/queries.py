"""SQL for MCP servers and their tool lists."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import msgspec

from control.db.pool import Connection
from control.tools.mcp_servers.rules import ListedTool, McpServer, McpServerConfig

_SELECT: Final = """
    SELECT id, workspace_id, name, config, secret_names, sealed_headers, tools, listed_at, tried_at, list_error,
           created_at, updated_at
    FROM mcp_servers
"""
_INSERT: Final = """
    INSERT INTO mcp_servers (id, workspace_id, name, config, secret_names, sealed_headers, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (workspace_id, name) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE mcp_servers SET config = $3, secret_names = $4, sealed_headers = $5, updated_at = $6
    WHERE workspace_id = $1 AND id = $2
"""
_SET_TOOLS: Final = """
    UPDATE mcp_servers SET tools = $3, listed_at = $4, tried_at = $4, list_error = NULL
    WHERE workspace_id = $1 AND id = $2 AND updated_at = $5
"""
_SET_ERROR: Final = """
    UPDATE mcp_servers SET tried_at = $4, list_error = $3 WHERE workspace_id = $1 AND id = $2 AND updated_at = $5
"""
_DUE: Final = """
    SELECT s.workspace_id, s.id FROM mcp_servers s JOIN workspaces w ON w.id = s.workspace_id
    WHERE (s.tried_at IS NULL OR s.tried_at < $1) AND w.status <> 'suspended' AND w.deleted_at IS NULL
    ORDER BY s.tried_at NULLS FIRST LIMIT $2
"""


async def lock_servers(db: Connection, workspace_id: UUID) -> None:
    """Serialize the transactions that count and add MCP servers in a workspace."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('mcp_servers ' || $1::text, 0))", str(workspace_id))


async def select_servers(db: Connection, workspace_id: UUID, limit: int) -> list[McpServer]:
    """Return up to `limit` servers of the workspace by name."""
    rows = await db.fetch(f"{_SELECT} WHERE workspace_id = $1 ORDER BY name LIMIT $2", workspace_id, limit)
    return [_server(row) for row in rows]


async def select_server(db: Connection, workspace_id: UUID, server_id: UUID, *, lock: bool = False) -> McpServer | None:
    """Return a server, or None.

    Args:
        lock: Whether to lock the row until the transaction ends.
    """
    locking = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, server_id)
    return None if row is None else _server(row)


async def select_by_name(db: Connection, workspace_id: UUID, name: str) -> McpServer | None:
    """Return the server with this name, or None. Agent configs refer to servers by name."""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND name = $2", workspace_id, name)
    return None if row is None else _server(row)


async def insert_server(db: Connection, server: McpServer) -> bool:
    """Insert a server. Return False if the workspace has a server with this name."""
    config = server.config.model_dump(mode="json")
    names = list(server.secret_names)
    status = await db.execute(
        _INSERT, server.id, server.workspace_id, server.name, config, names, server.sealed, server.created_at
    )
    return bool(status == "INSERT 0 1")


async def update_server(db: Connection, server: McpServer, now: datetime) -> None:
    """Update the config and the secrets of a server."""
    config = server.config.model_dump(mode="json")
    await db.execute(_UPDATE, server.workspace_id, server.id, config, list(server.secret_names), server.sealed, now)


async def update_tools(db: Connection, asked: McpServer, tools: Sequence[ListedTool], now: datetime) -> None:
    """Store the server's tool list, unless the server's config changed after the request."""
    values = msgspec.to_builtins(tools)
    await db.execute(_SET_TOOLS, asked.workspace_id, asked.id, values, now, asked.updated_at)


async def update_list_error(db: Connection, asked: McpServer, reason: str, now: datetime) -> None:
    """Store why the server returned no list. The last list is kept.

    Does nothing if the server's config changed after the request.
    """
    await db.execute(_SET_ERROR, asked.workspace_id, asked.id, reason, now, asked.updated_at)


async def mark_outdated(db: Connection, workspace_id: UUID, server_id: UUID) -> None:
    """Mark the tool list as outdated, so that the worker requests it soon."""
    await db.execute(
        "UPDATE mcp_servers SET tried_at = NULL WHERE workspace_id = $1 AND id = $2", workspace_id, server_id
    )


async def delete_server(db: Connection, workspace_id: UUID, server_id: UUID) -> None:
    """Delete a server with its secrets and its tool list."""
    await db.execute("DELETE FROM mcp_servers WHERE workspace_id = $1 AND id = $2", workspace_id, server_id)


def read_tools(value: Any) -> list[ListedTool]:
    """Convert the stored value to tools."""
    return msgspec.convert(value, list[ListedTool])


def _server(row: Any) -> McpServer:
    return McpServer(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        config=McpServerConfig.restore(row["config"]),
        secret_names=row["secret_names"],
        sealed=row["sealed_headers"],
        tools=read_tools(row["tools"]),
        listed_at=row["listed_at"],
        tried_at=row["tried_at"],
        list_error=row["list_error"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


# -- Queries across workspaces, in platform scope --


async def has_servers(db: Connection) -> bool:
    """Return whether any workspace has an MCP server. Requires platform scope."""
    return bool(await db.fetchval("SELECT EXISTS (SELECT FROM mcp_servers)"))


async def select_due_servers(db: Connection, before: datetime, limit: int) -> list[tuple[UUID, UUID]]:
    """Return workspace id and server id of servers whose list was last requested before `before`, or never.

    Servers of suspended and deleted workspaces are left out. Requires platform scope.
    """
    return [(row["workspace_id"], row["id"]) for row in await db.fetch(_DUE, before, limit)]
