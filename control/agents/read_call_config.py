"""Read model: the config of the agent that a running call has."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection

_CONFIG: Final = """
    SELECT v.config
    FROM calls c
    JOIN agents a ON a.id = c.agent_id AND a.workspace_id = c.workspace_id
    JOIN agent_versions v ON v.agent_id = a.id AND v.version = coalesce(c.agent_version, a.version)
    WHERE c.id = $1 AND c.workspace_id = $2
"""


async def select_config(db: Connection, workspace_id: UUID, call_id: UUID) -> Mapping[str, Any]:
    """The config of the version that the call began with; empty without an agent."""
    config: Mapping[str, Any] | None = await db.fetchval(_CONFIG, call_id, workspace_id)
    return config or {}
