"""All SQL of agents and of the number that each one answers."""

from datetime import datetime
from typing import Any, Final
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]

from control.agents.model import Agent, Content, Listed, Number, Stats, Version
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


async def select_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> Agent | None:
    """One, with the version in force, its number and its totals."""
    row = await db.fetchrow(_AGENT, workspace_id, agent_id)
    return None if row is None else _agent(row)


async def lock_agent(db: Connection, workspace_id: UUID, agent_id: UUID) -> Agent | None:
    """The same; whoever wants to change it too waits until this transaction ends.

    Two statements: a joined row that was written while the lock was waited for would not be seen by one.
    """
    locked = await db.fetchval(
        "SELECT true FROM agents WHERE workspace_id = $1 AND id = $2 AND deleted_at IS NULL FOR UPDATE",
        workspace_id,
        agent_id,
    )
    return await select_agent(db, workspace_id, agent_id) if locked else None


async def lock_agents(db: Connection, workspace_id: UUID) -> None:
    """Whoever counts this workspace's agents in order to add one waits until this transaction ends."""
    await db.execute("SELECT pg_advisory_xact_lock(hashtextextended('agents ' || $1::text, 0))", str(workspace_id))


async def count_agents(db: Connection, workspace_id: UUID, *, live: bool = False) -> int:
    """How many there are; or only those that are live."""
    total: int = await db.fetchval(
        "SELECT count(*) FROM agents WHERE workspace_id = $1 AND deleted_at IS NULL AND (NOT $2 OR status = 'live')",
        workspace_id,
        live,
    )
    return total


async def select_agents(
    db: Connection, workspace_id: UUID, status: str | None, search: str | None, offset: int, limit: int
) -> list[Listed]:
    """A page, newest first. search: a part of the name, in any case."""
    rows = await db.fetch(
        f"""
        SELECT a.id, a.name, a.status, a.version, p.phone_number, t.name AS template_name, a.created_at
        FROM agents a
        LEFT JOIN agent_templates t ON t.id = a.template_id
        LEFT JOIN phone_numbers p ON p.agent_id = a.id AND p.status IN ('buying', 'active')
        WHERE {_MATCHES} ORDER BY a.created_at DESC, a.id DESC LIMIT $4 OFFSET $5
        """,
        workspace_id,
        status,
        search,
        limit,
        offset,
    )
    return [Listed(**row) for row in rows]


async def count_matching(db: Connection, workspace_id: UUID, status: str | None, search: str | None) -> int:
    """How many `select_agents` would find."""
    total: int = await db.fetchval(f"SELECT count(*) FROM agents a WHERE {_MATCHES}", workspace_id, status, search)
    return total


async def insert_agent(db: Connection, version: Version, template_id: UUID | None) -> bool:
    """A draft at its first version, which is written next. False: the name is taken."""
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


async def update_version(db: Connection, version: Version) -> bool:
    """Puts a version in force. False: another agent has the name; nothing more can be done in this transaction."""
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
    """Sets it; `activated_at` is the last time that it went live."""
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
    """Hides it for good; calls and versions go on telling of it."""
    await db.execute(
        "UPDATE agents SET deleted_at = $3, updated_at = $3 WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        agent_id,
        now,
    )


async def lock_number(db: Connection, workspace_id: UUID, number_id: UUID) -> tuple[Number, UUID | None] | None:
    """A number of the workspace and the agent that has it; held until this transaction ends."""
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
    return Number(row["id"], row["phone_number"], row["friendly_name"], row["status"]), row["agent_id"]


async def assign_number(db: Connection, workspace_id: UUID, number_id: UUID, agent_id: UUID) -> None:
    """Gives it to the agent."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = $3, updated_at = now() WHERE workspace_id = $1 AND id = $2",
        workspace_id,
        number_id,
        agent_id,
    )


async def free_number(db: Connection, workspace_id: UUID, agent_id: UUID) -> None:
    """Takes the agent's number away from it; the workspace keeps it."""
    await db.execute(
        "UPDATE phone_numbers SET agent_id = NULL, updated_at = now() WHERE workspace_id = $1 AND agent_id = $2",
        workspace_id,
        agent_id,
    )


def _agent(row: Any) -> Agent:
    calls = row["calls"] or 0
    return Agent(
        id=row["id"],
        workspace_id=row["workspace_id"],
        status=row["status"],
        version=row["version"],
        content=Content(row["name"], row["config"], row["voice_provider"], row["voice_config"]),
        template_id=row["template_id"],
        template_name=row["template_name"],
        number=_number(row),
        stats=Stats(calls, round(row["seconds"] / calls, 1) if calls else 0.0),
        activated_at=row["activated_at"],
        created_at=row["created_at"],
        updated_at=row["updated_at"],
    )


def _number(row: Any) -> Number | None:
    if row["number_id"] is None:
        return None
    return Number(row["number_id"], row["phone_number"], row["friendly_name"], row["number_status"])
