"""Locks an agent for a change, under the condition that the caller knows its current version."""

from uuid import UUID

from control.agents import read_agents
from control.agents.model import VoiceAgent
from control.db.pool import Connection
from shared.errors import Conflict, NotFound


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID, expected: int | None = None) -> VoiceAgent:
    """The agent, locked until the transaction ends. Raises NotFound, and Conflict (code version_mismatch) if `expected`
    is not its current version."""
    agent = require_agent(await read_agents.lock_agent(db, workspace_id, agent_id))
    if expected is not None and expected != agent.version:
        text = f"Version {agent.version} is in force, not {expected}: somebody else changed this agent."
        raise mismatch(text, "expected_version")
    return agent


def require_agent(agent: VoiceAgent | None) -> VoiceAgent:
    """Raises NotFound."""
    if agent is None:
        raise NotFound("There is no such agent.", code="agent_not_found")
    return agent


def mismatch(text: str, param: str) -> Conflict:
    """The error of a change that is based on something else than what is stored."""
    return Conflict(text, code="version_mismatch", param=param)
