"""SQL for tools of both kinds: the agents that use a tool, and the tools that a running call may use."""

from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection

_CALLS_TOOLS: Final = """
    SELECT coalesce(v.config->'http_tools', '[]') AS http_tools, coalesce(v.config->'mcp_tools', '[]') AS mcp_tools
    FROM calls c
    JOIN agents a ON a.id = c.agent_id AND a.workspace_id = c.workspace_id
    JOIN agent_versions v ON v.agent_id = a.id AND v.version = coalesce(c.agent_version, a.version)
    WHERE c.workspace_id = $1 AND c.id = $2
"""
_AGENTS: Final = """
    SELECT v.name FROM agents a JOIN agent_versions v ON v.agent_id = a.id AND v.version = a.version
    WHERE a.workspace_id = $1 AND a.deleted_at IS NULL AND {uses} ORDER BY v.name LIMIT 5
"""
_OF_HTTP: Final = _AGENTS.format(uses="v.config->'http_tools' ? $2")
_OF_MCP: Final = _AGENTS.format(
    uses="v.config->'mcp_tools' @> jsonb_build_array(jsonb_build_object('server', $2::text))"
)
_RUNS: Final = "SELECT count(*) FROM tool_runs WHERE workspace_id = $1 AND call_id = $2 AND name = $3"


async def select_tools_of_call(db: Connection, workspace_id: UUID, call_id: UUID) -> tuple[list[str], list[Any]]:
    """Return `http_tools` and `mcp_tools` of the config that a call started with. Empty if the call does not exist."""
    row = await db.fetchrow(_CALLS_TOOLS, workspace_id, call_id)
    return ([], []) if row is None else (row["http_tools"], row["mcp_tools"])


async def select_agents_of_http(db: Connection, workspace_id: UUID, name: str) -> list[str]:
    """Return the names of up to five agents whose current version uses this HTTP tool."""
    return [row["name"] for row in await db.fetch(_OF_HTTP, workspace_id, name)]


async def select_agents_of_mcp(db: Connection, workspace_id: UUID, server: str) -> list[str]:
    """Return the names of up to five agents whose current version uses this MCP server."""
    return [row["name"] for row in await db.fetch(_OF_MCP, workspace_id, server)]


async def count_runs(db: Connection, workspace_id: UUID, call_id: UUID, request: str) -> int:
    """Return how often a call has used a tool, including the current use.

    Args:
        request: Name of the request.
    """
    count: int = await db.fetchval(_RUNS, workspace_id, call_id, request)
    return count
