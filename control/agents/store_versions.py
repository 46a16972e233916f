"""All SQL of agents' versions: written once, never changed."""

from typing import Any, Final
from uuid import UUID

from control.agents.model import AgentContent, AgentVersion, VersionSummary
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_ORDER: Final = Keyset(
    ("version",), "SELECT version FROM agent_versions WHERE version = $1 AND workspace_id = $2 AND agent_id = $3"
)


async def insert_version(db: Connection, version: AgentVersion) -> None:
    """Inserts a version."""
    await db.execute(
        """
        INSERT INTO agent_versions (agent_id, version, workspace_id, name, config, voice_provider, voice_config,
                                    created_by, created_at, is_draft)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
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
        version.is_draft,
    )


async def next_version(db: Connection, workspace_id: UUID, agent_id: UUID) -> int:
    """The number of the agent's next version. Versions that only test calls had are counted, too."""
    newest: int = await db.fetchval(
        "SELECT max(version) FROM agent_versions WHERE workspace_id = $1 AND agent_id = $2", workspace_id, agent_id
    )
    return newest + 1


async def select_version(db: Connection, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion | None:
    """One version with its content."""
    row = await db.fetchrow(
        """
        SELECT name, config, voice_provider, voice_config, created_by, created_at, is_draft FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 AND version = $3
        """,
        workspace_id,
        agent_id,
        version,
    )
    return None if row is None else _version(row, workspace_id, agent_id, version)


async def select_versions(
    db: Connection, workspace_id: UUID, agent_id: UUID, page: PageRequest
) -> ListPage[VersionSummary]:
    """Newest first. Raises Invalid (code cursor_unknown)."""
    agent = (workspace_id, agent_id)
    clause = await _ORDER.make_clause(db, page, agent, agent)
    rows = await db.fetch(
        f"""
        SELECT version, name, created_by, created_at, is_draft FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([VersionSummary(**row) for row in rows], page)


def _version(row: Any, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion:
    content = AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"])
    made = (row["created_by"], row["created_at"], row["is_draft"])
    return AgentVersion(workspace_id, agent_id, version, content, *made)
