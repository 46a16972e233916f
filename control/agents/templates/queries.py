"""SQL for agent templates."""

from dataclasses import fields
from datetime import datetime
from typing import Final
from uuid import UUID

from control.agents.rules import Template
from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection

_COLUMNS: Final = ", ".join(f"t.{field.name}" for field in fields(Template) if field.name != "usage_count")
_USED: Final = "(SELECT count(*) FROM agents a WHERE a.template_id = t.id AND a.deleted_at IS NULL) AS usage_count"
_PUBLIC: Final = "t.deleted_at IS NULL AND t.is_public AND ($1::text IS NULL OR t.industry = $1)"
_ORDER: Final = Keyset(
    ("t.name", "t.id"), "SELECT name, id FROM agent_templates WHERE id = $1 AND (is_public OR $2)", descending=False
)


async def select_public(db: Connection, industry: str | None, page: PageRequest) -> ListPage[Template]:
    """Return a page of public templates, by name. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (industry,), (False,))
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM agent_templates t WHERE {_PUBLIC} {clause.tail}", *clause.values)
    return cut_page([Template(**row) for row in rows], page)


async def count_public(db: Connection, industry: str | None) -> int:
    """Return the total for `select_public`."""
    total: int = await db.fetchval(f"SELECT count(*) FROM agent_templates t WHERE {_PUBLIC}", industry)
    return total


async def select_all(db: Connection, page: PageRequest) -> ListPage[Template]:
    """Return a page of all templates by name, with the number of agents that use each. Needs platform scope.

    Raises Invalid (code cursor_unknown).
    """
    clause = await _ORDER.make_clause(db, page, (), (True,))
    rows = await db.fetch(
        f"SELECT {_COLUMNS}, {_USED} FROM agent_templates t WHERE t.deleted_at IS NULL {clause.tail}", *clause.values
    )
    return cut_page([Template(**row) for row in rows], page)


async def count_all(db: Connection) -> int:
    """Return the total for `select_all`."""
    total: int = await db.fetchval("SELECT count(*) FROM agent_templates WHERE deleted_at IS NULL")
    return total


async def select_template(db: Connection, template_id: UUID, *, lock: bool = False) -> Template | None:
    """Return a template, public or not, or None. `usage_count` counts agents within the transaction's scope."""
    lock_clause = " FOR UPDATE OF t" if lock else ""
    row = await db.fetchrow(
        f"SELECT {_COLUMNS}, {_USED} FROM agent_templates t WHERE t.id = $1 AND t.deleted_at IS NULL{lock_clause}",
        template_id,
    )
    return None if row is None else Template(**row)


async def insert_template(db: Connection, template: Template, created_by: UUID | None) -> bool:
    """Insert a template. Return False if the slug is taken, possibly by a deleted template."""
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
    """Write the changeable columns of a template."""
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
    """Hide the template. Agents created from it stay and keep the reference to it."""
    await db.execute("UPDATE agent_templates SET deleted_at = $2, updated_at = $2 WHERE id = $1", template_id, now)
