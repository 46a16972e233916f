"""SQL of the provider catalogue, as agents see it: whether there are keys, never the keys."""

from typing import Any, Final
from uuid import UUID

from control.agents.providers import Offer
from control.db.pool import Connection

_COLUMNS: Final = """
    p.provider, p.kinds, p.is_enabled, p.priority, p.needs_key, p.for_tests, p.config, p.options,
    p.api_key IS NOT NULL AS platform_key
"""


async def select_offers(db: Connection, workspace_id: UUID) -> list[Offer]:
    """The catalogue and what the workspace set for it."""
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, coalesce(w.is_enabled, true) AS allowed,
               coalesce(w.uses_platform_key, true) AS uses_platform_key, w.api_key IS NOT NULL AS own_key
        FROM providers p LEFT JOIN workspace_providers w ON w.provider = p.provider AND w.workspace_id = $1
        ORDER BY p.provider LIMIT 1000
        """,
        workspace_id,
    )
    return [Offer(**row) for row in rows]


async def select_catalogue(db: Connection) -> list[Offer]:
    """The catalogue alone."""
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM providers p ORDER BY p.provider LIMIT 1000")
    return [Offer(**row) for row in rows]


async def upsert_provider(db: Connection, facts: dict[str, Any], firsts: dict[str, Any]) -> None:
    """facts: what the product knows about it, always brought up to date. firsts: what staff may change, set once."""
    given = {**facts, **firsts}
    places = ", ".join(f"${place}" for place in range(1, len(given) + 1))
    told = [name for name in facts if name != "provider"]
    sets = ", ".join(f"{name} = excluded.{name}" for name in told)
    differs = " OR ".join(f"p.{name} IS DISTINCT FROM excluded.{name}" for name in told)
    await db.execute(
        f"""
        INSERT INTO providers AS p ({", ".join(given)}) VALUES ({places})
        ON CONFLICT (provider) DO UPDATE SET {sets}, updated_at = now() WHERE {differs}
        """,
        *given.values(),
    )
