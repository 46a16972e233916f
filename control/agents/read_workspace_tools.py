"""Read model: which of the tools that an agent names its workspace has, and who may allow them. In the workspace's
scope."""

from collections.abc import Sequence
from typing import Final
from uuid import UUID

from control.db.pool import Connection

_HTTP: Final = "SELECT name FROM http_tools WHERE workspace_id = $1 AND name = ANY($2::text[])"
_MCP: Final = """
    SELECT s.name AS server, t->>'name' AS tool
    FROM mcp_servers s CROSS JOIN LATERAL jsonb_array_elements(s.tools) t
    WHERE s.workspace_id = $1 AND s.name = ANY($2::text[])
"""


_IS_ADMINISTRATOR: Final = """
    SELECT EXISTS (SELECT FROM workspace_members
                   WHERE workspace_id = $1 AND user_id = $2 AND role IN ('owner', 'admin'))
"""


async def select_http_names(db: Connection, workspace_id: UUID, names: Sequence[str]) -> list[str]:
    """Those of these names that HTTP tools have."""
    return [row["name"] for row in await db.fetch(_HTTP, workspace_id, names)]


async def select_mcp_names(db: Connection, workspace_id: UUID, servers: Sequence[str]) -> list[tuple[str, str]]:
    """Server and name of each tool that these servers listed last."""
    return [(row["server"], row["tool"]) for row in await db.fetch(_MCP, workspace_id, servers)]


async def is_administrator(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Whether the user is an owner or an admin of the workspace."""
    found: bool = await db.fetchval(_IS_ADMINISTRATOR, workspace_id, user_id)
    return found
