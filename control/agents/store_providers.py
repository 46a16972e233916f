"""SQL of the provider catalogue as agents see it: whether there are keys, never the keys."""

from typing import Any, Final
from uuid import UUID

from control.agents.providers import ProviderOffer
from control.db.pool import Connection

_COLUMNS: Final = """
    p.provider, p.kinds, p.is_enabled, p.priority, p.needs_key, p.for_tests, p.config, p.options,
    p.api_key IS NOT NULL AS platform_key
"""


async def select_offers(db: Connection, workspace_id: UUID) -> list[ProviderOffer]:
    """The catalogue with the workspace's own settings."""
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, coalesce(w.is_enabled, true) AS allowed,
               coalesce(w.uses_platform_key, true) AS uses_platform_key, w.api_key IS NOT NULL AS own_key
        FROM providers p LEFT JOIN workspace_providers w ON w.provider = p.provider AND w.workspace_id = $1
        ORDER BY p.provider LIMIT 1000
        """,
        workspace_id,
    )
    return [ProviderOffer(**row) for row in rows]


async def select_catalogue(db: Connection) -> list[ProviderOffer]:
    """The catalogue without a workspace's settings."""
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM providers p ORDER BY p.provider LIMIT 1000")
    return [ProviderOffer(**row) for row in rows]


async def upsert_provider(db: Connection, facts: dict[str, Any], firsts: dict[str, Any]) -> None:
    """Inserts a provider, or updates its `facts`. facts: columns that the code defines. firsts: columns that the staff
    may change, set at the insert only."""
    columns = {**facts, **firsts}
    places = ", ".join(f"${place}" for place in range(1, len(columns) + 1))
    updated = [name for name in facts if name != "provider"]
    sets = ", ".join(f"{name} = excluded.{name}" for name in updated)
    differs = " OR ".join(f"p.{name} IS DISTINCT FROM excluded.{name}" for name in updated)
    await db.execute(
        f"""
        INSERT INTO providers AS p ({", ".join(columns)}) VALUES ({places})
        ON CONFLICT (provider) DO UPDATE SET {sets}, updated_at = now() WHERE {differs}
        """,
        *columns.values(),
    )
