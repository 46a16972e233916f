"""SQL of the table of agents."""

from datetime import datetime
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.agents.model import AgentVersion
from control.db.pool import Connection


async def lock_agents(db: Connection, workspace_id: UUID) -> None:
    """Serialises transactions that count this workspace's agents in order to add one."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('agents ' || $1::text, 0))", str(workspace_id))


async def count_agents(db: Connection, workspace_id: UUID, *, live: bool = False) -> int:
    """Counts the agents; live: only those that are live."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL AND (NOT $2 OR status = 'live')",
        workspace_id,
        live,
    )
    return total


async def insert_agent(db: Connection, version: AgentVersion, template_id: UUID | None) -> bool:
    """Inserts a draft at its first version, which is to be inserted next. False: the name is taken."""
    status = await db.execute(
        """
        INSERT INTO agents (id, workspace_id, name, template_id, created_by, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $6)
        ON CONFLICT (workspace_id, lower(name)) WHERE deleted_at IS NULL DO NOTHING
        """,
        version.agent_id,
        version.workspace_id,
        version.content.name,
        template_id,
        version.created_by,
        version.created_at,
    )
    return bool(status == "INSERT 0 1")


async def update_version(db: Connection, version: AgentVersion) -> bool:
    """Makes a version the current one. False: another agent has the name; the transaction cannot continue."""
    try:
        await db.execute(
            "UPDATE agents SET version = $3, name = $4, updated_at = $5 WHERE workspace_id = $1 AND id = $2",
            version.workspace_id,
            version.agent_id,
            version.version,
            version.content.name,
            version.created_at,
        )
    except asyncpg.UniqueViolationError:
        return False
    return True


async def update_status(db: Connection, workspace_id: UUID, agent_id: UUID, status: str, now: datetime) -> None:
    """Sets the status; `activated_at` is the last time that the agent went live."""
    await db.execute(
        """
        UPDATE agents SET status = $3, updated_at = $4,
               activated_at = CASE WHEN $3 = 'live' THEN $4 ELSE activated_at END
        WHERE workspace_id = $1 AND id = $2
        """,
        workspace_id,
        agent_id,
        status,
        now,
    )


async def delete_agent(db: Connection, workspace_id: UUID, agent_id: UUID, now: datetime) -> None:
    """Hides the agent for good; its calls and versions stay."""
    await db.execute(
        "UPDATE agents SET deleted_at = $3, updated_at = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        agent_id,
        now,
    )
