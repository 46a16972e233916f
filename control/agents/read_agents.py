"""Read model: agents with their phone number, template and totals."""

from typing import Any, Final
from uuid import UUID

from control.agents.model import AgentContent, AgentNumber, AgentStats, AgentSummary, VoiceAgent
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_AGENT: Final = """
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
_MATCHES: Final = """
    a.workspace_id = $1 AND a.deleted_at IS NULL
    AND ($2::text IS NULL OR a.status = $2) AND ($3::text IS NULL OR position(lower($3) IN lower(a.name)) > 0)
"""
_ORDER: Final = Keyset(
    ("a.created_at", "a.id"), "SELECT created_at, id FROM agents WHERE id = $1 AND workspace_id = $2"
)


async def select_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> VoiceAgent | None:
    """One agent, with its current version, its number and its totals."""
    row = await db.fetchrow(_AGENT, workspace_id, agent_id)
    return None if row is None else _agent(row)


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> VoiceAgent | None:
    """One agent, locked until this transaction ends.

    Two statements, because one would not see a joined row that was written while it waited for the lock.
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
    """Newest first. search: a part of the name, in any case. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id, status, search), (workspace_id,))
    rows = await db.fetch(
        f"""
        SELECT a.id, a.name, a.status, a.version, p.phone_number, t.name AS template_name, a.created_at
        FROM agents a
        LEFT JOIN agent_templates t ON t.id = a.template_id
        LEFT JOIN phone_numbers p ON p.agent_id = a.id AND p.status IN ('buying', 'active')
        WHERE {_MATCHES} {clause.tail}
        """,
        *clause.values,
    )
    return cut_page([AgentSummary(**row) for row in rows], page)


async def count_matching(db: Connection, workspace_id: UUID, status: str | None, search: str | None) -> int:
    """The total of `select_agents`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM agents a WHERE {_MATCHES}", workspace_id, status, search)
    return total


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> tuple[AgentNumber, UUID | None] | None:
    """A number of the workspace and the id of its agent; locked until this transaction ends."""
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


def _agent(row: Any) -> VoiceAgent:
    calls = row["calls"] or 0
    return VoiceAgent(
        id=row["id"],
        workspace_id=row["workspace_id"],
        status=row["status"],
        version=row["version"],
        content=AgentContent(row["name"], row["config"], row["voice_provider"], row["voice_config"]),
        template_id=row["template_id"],
        template_name=row["template_name"],
        number=_number(row),
        stats=AgentStats(calls, round(row["seconds"] / calls, 1) if calls else 0.0),
        activated_at=row["activated_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _number(row: Any) -> AgentNumber | None:
    if row["number_id"] is None:
        return None
    return AgentNumber(row["number_id"], row["phone_number"], row["friendly_name"], row["number_status"])
