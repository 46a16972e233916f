"""All SQL of drafts: at most one for each agent, whose row is locked by writers."""

from uuid import UUID

from control.agents.model import AgentContent, VersionDraft
from control.db.pool import Connection


async def select_draft(db: Connection, workspace_id: UUID, agent_id: UUID) -> VersionDraft | None:
    """The agent's draft."""
    row = await db.fetchrow(
        """
        SELECT base_version, revision, name, config, voice_provider, voice_config, tested_version, updated_by,
               created_at, updated_at
        FROM agent_drafts WHERE workspace_id = $1 AND agent_id = $2
        """,
        workspace_id,
        agent_id,
    )
    if row is None:
        return None
    return VersionDraft(
        workspace_id=workspace_id,
        agent_id=agent_id,
        base_version=row["base_version"],
        revision=row["revision"],
        content=AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"]),
        tested_version=row["tested_version"],
        updated_by=row["updated_by"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


async def upsert_draft(db: Connection, draft: VersionDraft) -> None:
    """Inserts a draft, or replaces the agent's one."""
    await db.execute(
        """
        INSERT INTO agent_drafts (agent_id, workspace_id, base_version, revision, name, config, voice_provider,
                                  voice_config, tested_version, updated_by, created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
        ON CONFLICT (agent_id) DO UPDATE SET
            base_version = excluded.base_version, revision = excluded.revision, name = excluded.name,
            config = excluded.config, voice_provider = excluded.voice_provider, voice_config = excluded.voice_config,
            tested_version = excluded.tested_version, updated_by = excluded.updated_by,
            updated_at = excluded.updated_at
        """,
        draft.agent_id,
        draft.workspace_id,
        draft.base_version,
        draft.revision,
        draft.content.name,
        draft.content.config,
        draft.content.voice_provider,
        draft.content.voice_config,
        draft.tested_version,
        draft.updated_by,
        draft.created_at,
        draft.updated_at,
    )


async def delete_draft(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Deletes the agent's draft, if there is one."""
    await db.execute("DELETE FROM agent_drafts WHERE workspace_id = $1 AND agent_id = $2", workspace_id, agent_id)
