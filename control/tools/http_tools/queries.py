"""SQL for HTTP tools."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.tools.http_tools.rules import HttpTool, HttpToolConfig

_SELECT: Final = """
    SELECT id, workspace_id, name, config, secret_names, sealed_headers, created_at, updated_at FROM http_tools
"""
_INSERT: Final = """
    INSERT INTO http_tools (id, workspace_id, name, config, secret_names, sealed_headers, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $7) ON CONFLICT (workspace_id, name) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE http_tools SET config = $3, secret_names = $4, sealed_headers = $5, updated_at = $6
    WHERE workspace_id = $1 AND id = $2
"""


async def lock_tools(db: Connection, workspace_id: UUID) -> None:
    """Serialize the transactions that count and add HTTP tools in a workspace."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('http_tools ' || $1::text, 0))", str(workspace_id))


async def select_tools(db: Connection, workspace_id: UUID, limit: int) -> list[HttpTool]:
    """Return up to `limit` tools of the workspace by name."""
    rows = await db.fetch(f"{_SELECT} WHERE workspace_id = $1 ORDER BY name LIMIT $2", workspace_id, limit)
    return [_tool(row) for row in rows]


async def select_tool(db: Connection, workspace_id: UUID, tool_id: UUID, *, lock: bool = False) -> HttpTool | None:
    """Return a tool, or None.

    Args:
        lock: Whether to lock the row until the transaction ends.
    """
    locking = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND id = $2 {locking}", workspace_id, tool_id)
    return None if row is None else _tool(row)


async def select_by_name(db: Connection, workspace_id: UUID, name: str) -> HttpTool | None:
    """Return the tool with this name, or None. Agent configs refer to tools by name."""
    row = await db.fetchrow(f"{_SELECT} WHERE workspace_id = $1 AND name = $2", workspace_id, name)
    return None if row is None else _tool(row)


async def insert_tool(db: Connection, tool: HttpTool) -> bool:
    """Insert a tool. Return False if the workspace has a tool with this name."""
    config = tool.config.model_dump(mode="json")
    names = list(tool.secret_names)
    status = await db.execute(
        _INSERT, tool.id, tool.workspace_id, tool.name, config, names, tool.sealed, tool.created_at
    )
    return bool(status == "INSERT 0 1")


async def update_tool(db: Connection, tool: HttpTool, now: datetime) -> None:
    """Update all columns except the name."""
    config = tool.config.model_dump(mode="json")
    await db.execute(_UPDATE, tool.workspace_id, tool.id, config, list(tool.secret_names), tool.sealed, now)


async def delete_tool(db: Connection, workspace_id: UUID, tool_id: UUID) -> None:
    """Delete a tool with its secrets."""
    await db.execute("DELETE FROM http_tools WHERE workspace_id = $1 AND id = $2", workspace_id, tool_id)


def _tool(row: Any) -> HttpTool:
    return HttpTool(
        id=row["id"],
        workspace_id=row["workspace_id"],
        name=row["name"],
        config=HttpToolConfig.restore(row["config"]),
        secret_names=row["secret_names"],
        sealed=row["sealed_headers"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )
