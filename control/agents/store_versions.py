"""All SQL of agents' versions: written once, never changed."""

from typing import Any
from uuid import UUID

from control.agents.model import AgentContent, AgentVersion, VersionSummary
from control.db.pool import Connection


async def insert_version(db: Connection, version: AgentVersion) -> None:
    """Inserts a version."""
    await db.execute(
        """
        INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, voice_config,
                                    created_by, created_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
        """,
        version.agent_id,
        version.version,
        version.workspace_id,
        version.content.name,
        version.content.config,
        version.content.voice_provider,
        version.content.voice_config,
        version.created_by,
        version.created_at,
    )


async def select_version(db: Connection, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion | None:
    """One version with its content."""
    row = await db.fetchrow(
        """
        SELECT name, config, voice_provider, voice_config, created_by, created_at FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 AND version = $3
        """,
        workspace_id,
        agent_id,
        version,
    )
    return None if row is None else _version(row, workspace_id, agent_id, version)


async def select_versions(
    db: Connection, workspace_id: UUID, agent_id: UUID, offset: int, limit: int
) -> list[VersionSummary]:
    """A page, newest first."""
    rows = await db.fetch(
        """
        SELECT version, name, created_by, created_at FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 ORDER BY version DESC LIMIT $3 OFFSET $4
        """,
        workspace_id,
        agent_id,
        limit,
        offset,
    )
    return [VersionSummary(**row) for row in rows]


def _version(row: Any, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion:
    content = AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"])
    return AgentVersion(workspace_id, agent_id, version, content, row["created_by"], row["created_at"])
