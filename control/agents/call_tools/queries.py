"""SQL that reads the agent of a running call, in the version that the call began with."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection

_AGENT: Final = """
    SELECT v.name, v.config
    FROM calls c
    JOIN agents a ON a.id = c.agent_id AND a.workspace_id = c.workspace_id
    JOIN agent_versions v ON v.agent_id = a.id AND v.version = coalesce(c.agent_version, a.version)
    WHERE c.id = $1 AND c.workspace_id = $2
"""


@dataclass(frozen=True, slots=True)
class CallAgent:
    """The version of an agent that a call began with."""

    name: str
    config: Mapping[str, Any]


async def select_agent(db: Connection, workspace_id: UUID, call_id: UUID) -> CallAgent | None:
    """Return the agent of the call, or None for a call without an agent."""
    row = await db.fetchrow(_AGENT, call_id, workspace_id)
    return None if row is None else CallAgent(row["name"], row["config"] or {})


async def select_config(db: Connection, workspace_id: UUID, call_id: UUID) -> Mapping[str, Any]:
    """Return the config of the version that the call began with, or an empty mapping without an agent."""
    agent = await select_agent(db, workspace_id, call_id)
    return {} if agent is None else agent.config
