"""All SQL of agent templates."""

from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from control.agents.model import Template
from control.db.pool import Connection

_COLUMNS: Final = ", ".join(f"t.{field.name}" for field in fields(Template) if field.name != "usage_count")
_USED: Final = "(SELECT count(*) FROM agents a WHERE a.template_id = t.id AND a.deleted_at IS NULL) AS usage_count"
_PUBLIC: Final = "t.deleted_at IS NULL AND t.is_public AND ($1::text IS NULL OR t.industry = $1)"


async def select_public(db: Connection, industry: str | None, offset: int, limit: int) -> list[Template]:
    """A page of those that customers may start from, by name."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM agent_templates t WHERE {_PUBLIC} ORDER BY t.name, t.id LIMIT $2 OFFSET $3",
        industry,
        limit,
        offset,
    )
    return [Template(**row) for row in rows]


async def count_public(db: Connection, industry: str | None) -> int:
    """How many of those there are."""
    total: int = await db.fetchval(f"SELECT count(*) FROM agent_templates t WHERE {_PUBLIC}", industry)
    return total


async def select_all(db: Connection, offset: int, limit: int) -> list[Template]:
    """A page of all, by name, and how often each is used; for the platform's scope."""
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, {_USED} FROM agent_templates t WHERE t.deleted_at IS NULL
        ORDER BY t.name, t.id LIMIT $1 OFFSET $2
        """,
        limit,
        offset,
    )
    return [Template(**row) for row in rows]


async def count_all(db: Connection) -> int:
    """How many there are."""
    total: int = await db.fetchval("SELECT count(*) FROM agent_templates WHERE deleted_at IS NULL")
    return total


async def select_template(db: Connection, template_id: UUID, *, lock: bool = False) -> Template | None:
    """One, public or not. `usage_count` counts what the transaction's scope may see."""
    held = " FOR UPDATE OF t" if lock else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS}, {_USED} FROM agent_templates t WHERE t.id = $1 AND t.deleted_at IS NULL{held}", template_id
    )
    return None if row is None else Template(**row)


async def insert_template(db: Connection, template: Template, created_by: UUID | None) -> bool:
    """False: its slug is taken, be it by a deleted one."""
    status = await db.execute(
        """
        INSERT INTO agent_templates (id, slug, name, industry, description, default_config, is_public, created_by,
                                     created_at, updated_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
        ON CONFLICT (slug) WHERE slug IS NOT NULL DO NOTHING
        """,
        template.id,
        template.slug,
        template.name,
        template.industry,
        template.description,
        template.default_config,
        template.is_public,
        created_by,
        template.created_at,
        template.updated_at,
    )
    return bool(status == "INSERT 0 1")


async def update_template(db: Connection, template: Template) -> None:
    """Writes what may change."""
    await db.execute(
        """
        UPDATE agent_templates SET name = $2, industry = $3, description = $4, default_config = $5, is_public = $6,
               updated_at = $7 WHERE id = $1
        """,
        template.id,
        template.name,
        template.industry,
        template.description,
        template.default_config,
        template.is_public,
        template.updated_at,
    )


async def delete_template(db: Connection, template_id: UUID, now: datetime) -> None:
    """Hides it; agents that started from it go on, and go on naming it."""
    await db.execute("UPDATE agent_templates SET deleted_at = $2, updated_at = $2 WHERE id = $1", template_id, now)
