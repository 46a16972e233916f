"""SQL for agents, their versions and drafts, and for the tools and rights of a workspace that an agent needs."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.agents.rules import (
    AgentContent,
    AgentNumber,
    AgentStats,
    AgentSummary,
    AgentVersion,
    VersionDraft,
    VersionSummary,
    VoiceAgent,
)
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

# Agents with their phone number, template and totals

_SELECT_AGENT: Final = """
    SELECT a.id, a.workspace_id, a.status, a.version, a.template_id, a.activated_at, a.created_at, a.updated_at,
           v.name, v.config, v.voice_provider, v.voice_config, t.name AS template_name,
           p.id AS number_id, p.phone_number, p.friendly_name, p.status AS number_status, s.calls, s.seconds
    FROM agents a
    JOIN agent_versions v ON v.agent_id = a.id AND v.version = a.version
    LEFT JOIN agent_templates t ON t.id = a.template_id
    LEFT JOIN phone_numbers p ON p.agent_id = a.id AND p.status IN ('buying', 'active')
    LEFT JOIN agent_totals s ON s.agent_id = a.id
    WHERE a.workspace_id = $1 AND a.id = $2 AND a.deleted_at IS NULL
"""
_AGENT_MATCHES: Final = """
    a.workspace_id = $1 AND a.deleted_at IS NULL
    AND ($2::text IS NULL OR a.status = $2) AND ($3::text IS NULL OR position(lower($3) IN lower(a.name)) > 0)
"""
_AGENT_ORDER: Final = Keyset(
    ("a.created_at", "a.id"), "SELECT created_at, id FROM agents WHERE id = $1 AND workspace_id = $2"
)


async def select_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> VoiceAgent | None:
    """Return an agent with its current version, its number and its totals, or None."""
    row = await db.fetchrow(_SELECT_AGENT, workspace_id, agent_id)
    return None if row is None else _make_agent(row)


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> VoiceAgent | None:
    """Return an agent, locked until this transaction ends, or None.

    Uses two statements, because a single statement would not see a joined row that was written while it waited for the
    lock.
    """
    locked = await db.fetchval(
        "SELECT true FROM agents WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        workspace_id,
        agent_id,
    )
    return await select_agent(db, workspace_id, agent_id) if locked else None


async def select_agents(
    db: Connection, workspace_id: UUID, status: str | None, search: str | None, page: PageRequest
) -> ListPage[AgentSummary]:
    """Return a page of agents, newest first. Raises Invalid (code cursor_unknown).

    Args:
        search: A part of the name, case-insensitive.
    """
    clause = await _AGENT_ORDER.make_clause(db, page, (workspace_id, status, search), (workspace_id,))
    rows = await db.fetch(
        f"""
        SELECT a.id, a.name, a.status, a.version, p.phone_number, t.name AS template_name, a.created_at
        FROM agents a
        LEFT JOIN agent_templates t ON t.id = a.template_id
        LEFT JOIN phone_numbers p ON p.agent_id = a.id AND p.status IN ('buying', 'active')
        WHERE {_AGENT_MATCHES} {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([AgentSummary(**row) for row in rows], page)


async def count_matching_agents(db: Connection, workspace_id: UUID, status: str | None, search: str | None) -> int:
    """Return the total for `select_agents`."""
    total: int = await db.fetchval(
        f"SELECT count(*) FROM agents a WHERE {_AGENT_MATCHES}", workspace_id, status, search
    )
    return total


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> tuple[AgentNumber, UUID | None] | None:
    """Return a number of the workspace and the id of its agent, locked until this transaction ends."""
    row = await db.fetchrow(
        """
        SELECT id, phone_number, friendly_name, status, agent_id FROM phone_numbers
        WHERE workspace_id = $1 AND id = $2 FOR UPDATE
        """,
        workspace_id,
        number_id,
    )
    if row is None:
        return None
    return AgentNumber(row["id"], row["phone_number"], row["friendly_name"], row["status"]), row["agent_id"]


def _make_agent(row: Any) -> VoiceAgent:
    calls = row["calls"] or 0
    return VoiceAgent(
        id=row["id"],
        workspace_id=row["workspace_id"],
        status=row["status"],
        version=row["version"],
        content=AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"]),
        template_id=row["template_id"],
        template_name=row["template_name"],
        number=_make_number(row),
        stats=AgentStats(calls, round(row["seconds"] / calls, 1) if calls else 0.0),
        activated_at=row["activated_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _make_number(row: Any) -> AgentNumber | None:
    if row["number_id"] is None:
        return None
    return AgentNumber(row["number_id"], row["phone_number"], row["friendly_name"], row["number_status"])


async def lock_agents(db: Connection, workspace_id: UUID) -> None:
    """Serialize transactions that count this workspace's agents before they add an agent."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('agents ' || $1::text, 0))", str(workspace_id))


async def count_agents(db: Connection, workspace_id: UUID, *, live: bool = False) -> int:
    """Count the workspace's agents.

    Args:
        live: Count only live agents.
    """
    total: int = await db.fetchval(
        "SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL AND (NOT $2 OR status = 'live')",
        workspace_id,
        live,
    )
    return total


async def insert_agent(db: Connection, version: AgentVersion, template_id: UUID | None) -> bool:
    """Insert a draft at its first version, which the caller inserts next. Return False if the name is taken."""
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
    """Make a version the current version. Return False if another agent has the name; the transaction must end then."""
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
    """Set the status. `activated_at` is the last time that the agent went live."""
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
    """Hide the agent permanently. Its calls and versions stay."""
    await db.execute(
        "UPDATE agents SET deleted_at = $3, updated_at = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        agent_id,
        now,
    )


# Versions: written once, never changed

_VERSION_ORDER: Final = Keyset(
    ("version",), "SELECT version FROM agent_versions WHERE version = $1 AND workspace_id = $2 AND agent_id = $3"
)


async def insert_version(db: Connection, version: AgentVersion) -> None:
    """Insert a version."""
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
    """Return the number of the agent's next version, counting versions that only test calls used."""
    newest: int = await db.fetchval(
        "SELECT max(version) FROM agent_versions WHERE workspace_id = $1 AND agent_id = $2", workspace_id, agent_id
    )
    return newest + 1


async def select_version(db: Connection, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion | None:
    """Return a version with its content, or None."""
    row = await db.fetchrow(
        """
        SELECT name, config, voice_provider, voice_config, created_by, created_at, is_draft FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 AND version = $3
        """,
        workspace_id,
        agent_id,
        version,
    )
    return None if row is None else _make_version(row, workspace_id, agent_id, version)


async def select_versions(
    db: Connection, workspace_id: UUID, agent_id: UUID, page: PageRequest
) -> ListPage[VersionSummary]:
    """Return a page of an agent's versions, newest first. Raises Invalid (code cursor_unknown)."""
    agent = (workspace_id, agent_id)
    clause = await _VERSION_ORDER.make_clause(db, page, agent, agent)
    rows = await db.fetch(
        f"""
        SELECT version, name, created_by, created_at, is_draft FROM agent_versions
        WHERE workspace_id = $1 AND agent_id = $2 {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([VersionSummary(**row) for row in rows], page)


def _make_version(row: Any, workspace_id: UUID, agent_id: UUID, version: int) -> AgentVersion:
    content = AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"])
    made = (row["created_by"], row["created_at"], row["is_draft"])
    return AgentVersion(workspace_id, agent_id, version, content, *made)


# Drafts: at most one for each agent, whose row is locked by writers


async def select_draft(db: Connection, workspace_id: UUID, agent_id: UUID) -> VersionDraft | None:
    """Return the agent's draft, or None."""
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
    """Insert a draft, or replace the agent's draft."""
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
    """Delete the agent's draft if it exists."""
    await db.execute("DELETE FROM agent_drafts WHERE workspace_id = $1 AND agent_id = $2", workspace_id, agent_id)


# Tools and rights of the workspace

_HTTP_NAMES: Final = "SELECT name FROM http_tools WHERE workspace_id = $1 AND name = ANY($2::text[])"
_MCP_NAMES: Final = """
    SELECT s.name AS server, t->>'name' AS tool
    FROM mcp_servers s CROSS JOIN LATERAL jsonb_array_elements(s.tools) t
    WHERE s.workspace_id = $1 AND s.name = ANY($2::text[])
"""


_IS_ADMINISTRATOR: Final = """
    SELECT EXISTS (SELECT FROM workspace_members
                   WHERE workspace_id = $1 AND user_id = $2 AND role IN ('owner', 'admin'))
"""


async def select_http_tool_names(db: Connection, workspace_id: UUID, names: Sequence[str]) -> list[str]:
    """Return which of these names belong to HTTP tools of the workspace."""
    return [row["name"] for row in await db.fetch(_HTTP_NAMES, workspace_id, names)]


async def select_mcp_tool_names(db: Connection, workspace_id: UUID, servers: Sequence[str]) -> list[tuple[str, str]]:
    """Return server and name of each tool that these MCP servers listed last."""
    return [(row["server"], row["tool"]) for row in await db.fetch(_MCP_NAMES, workspace_id, servers)]


async def is_administrator(db: Connection, workspace_id: UUID, user_id: UUID) -> bool:
    """Return whether the user is an owner or an admin of the workspace."""
    found: bool = await db.fetchval(_IS_ADMINISTRATOR, workspace_id, user_id)
    return found
