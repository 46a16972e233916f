"""SQL for the provider catalog. Callers seal keys before they pass them to these functions."""

from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.voice.routing.queries import SELECT_FIGURES
from control.voice.routing.rules import CatalogedProvider, ProviderOffer

_COLUMNS: Final = """
    p.provider, p.kinds, p.is_enabled, p.priority, p.needs_key, p.for_tests, p.config, p.options, p.data_policy,
    p.estimated_costs,
    p.api_key IS NOT NULL AS platform_key
"""


async def select_offers(db: Connection, workspace_id: UUID) -> list[ProviderOffer]:
    """Return the catalog with the workspace's own settings."""
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, coalesce(w.is_enabled, true) AS allowed,
               coalesce(w.uses_platform_key, true) AS uses_platform_key, w.api_key IS NOT NULL AS own_key,
               coalesce(w.config, '{{}}') AS own_config, f.figures
        FROM providers p LEFT JOIN workspace_providers w ON w.provider = p.provider AND w.workspace_id = $1,
             LATERAL ({SELECT_FIGURES}) f
        ORDER BY p.provider LIMIT 1000
        """,
        workspace_id,
    )
    return [ProviderOffer(**row) for row in rows]


async def select_catalog(db: Connection) -> list[ProviderOffer]:
    """Return the catalog without a workspace's settings."""
    rows = await db.fetch(f"SELECT {_COLUMNS} FROM providers p ORDER BY p.provider LIMIT 1000")
    return [ProviderOffer(**row) for row in rows]


async def select_cataloged(db: Connection, provider: str | None = None) -> list[CatalogedProvider]:
    """Return the catalog for staff, ordered by priority.

    Args:
        provider: Restricts the result to this provider.
    """
    rows = await db.fetch(
        f"""
        SELECT {_COLUMNS}, p.display_name, p.is_shipped, p.health_status, p.last_check FROM providers p
        WHERE $1::text IS NULL OR p.provider = $1 ORDER BY p.priority, p.provider LIMIT 1000
        """,
        provider,
    )
    return [_cataloged(dict(row)) for row in rows]


async def lock_cataloged(db: Connection, provider: str) -> CatalogedProvider | None:
    """Lock a provider until the transaction ends and return it as `select_cataloged` does, or None."""
    await db.execute("SELECT FROM providers WHERE provider = $1 FOR UPDATE", provider)
    found = await select_cataloged(db, provider)
    return found[0] if found else None


async def insert_instance(db: Connection, offer: ProviderOffer, sealed: bytes | None) -> bool:
    """Insert a provider. Return False if a provider with this name exists."""
    status = await db.execute(
        """
        INSERT INTO providers
            (provider, display_name, kinds, options, is_enabled, priority, needs_key, config, data_policy, api_key)
        VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT DO NOTHING
        """,
        offer.provider,
        list(offer.kinds),
        dict(offer.options),
        offer.is_enabled,
        offer.priority,
        offer.needs_key,
        dict(offer.config),
        dict(offer.data_policy),
        sealed,
    )
    return bool(status == "INSERT 0 1")


async def update_instance(db: Connection, offer: ProviderOffer) -> None:
    """Update all columns of a provider that staff may change, except the key."""
    await db.execute(
        """
        UPDATE providers SET is_enabled = $2, priority = $3, config = $4, data_policy = $5, needs_key = $6,
               updated_at = now()
        WHERE provider = $1
        """,
        offer.provider,
        offer.is_enabled,
        offer.priority,
        dict(offer.config),
        dict(offer.data_policy),
        offer.needs_key,
    )


async def update_key(db: Connection, provider: str, sealed: bytes | None) -> None:
    """Replace the platform's key; None removes it."""
    await db.execute("UPDATE providers SET api_key = $2, updated_at = now() WHERE provider = $1", provider, sealed)


async def delete_provider(db: Connection, provider: str) -> None:
    """Delete a provider with its figures and the workspaces' settings for it."""
    await db.execute("DELETE FROM workspace_providers WHERE provider = $1", provider)
    await db.execute("DELETE FROM providers WHERE provider = $1", provider)


async def upsert_provider(db: Connection, facts: dict[str, Any], firsts: dict[str, Any]) -> None:
    """Insert a provider, or update the `facts` of an existing provider.

    Args:
        facts: Columns that the code defines.
        firsts: Columns that staff may change. They are set only on insert.
    """
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


async def lock_provider(db: Connection, provider: str) -> ProviderOffer | None:
    """Lock a provider until the transaction ends and return it, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM providers p WHERE p.provider = $1 FOR UPDATE", provider)
    return None if row is None else ProviderOffer(**row)


async def select_sealed(db: Connection, provider: str) -> tuple[ProviderOffer, bytes | None] | None:
    """Return a provider and its sealed platform key, or None."""
    row = await db.fetchrow(f"SELECT {_COLUMNS}, p.api_key FROM providers p WHERE p.provider = $1", provider)
    if row is None:
        return None
    columns = dict(row)
    sealed: bytes | None = columns.pop("api_key")
    return ProviderOffer(**columns), sealed


async def upsert_instance(db: Connection, offer: ProviderOffer, sealed: bytes | None) -> None:
    """Insert or update the columns that `set-key` sets. For a new provider, also set its kinds and agent options."""
    await db.execute(
        """
        INSERT INTO providers AS p
            (provider, display_name, kinds, options, is_enabled, priority, needs_key, config, api_key)
        VALUES ($1, $1, $2, $3, $4, $5, $6, $7, $8)
        ON CONFLICT (provider) DO UPDATE SET
            is_enabled = excluded.is_enabled, priority = excluded.priority, needs_key = excluded.needs_key,
            config = excluded.config, api_key = excluded.api_key, updated_at = now()
        """,
        offer.provider,
        list(offer.kinds),
        dict(offer.options),
        offer.is_enabled,
        offer.priority,
        offer.needs_key,
        dict(offer.config),
        sealed,
    )


def _cataloged(row: dict[str, Any]) -> CatalogedProvider:
    names = ("display_name", "is_shipped", "health_status", "last_check")
    own = {name: row.pop(name) for name in names}
    return CatalogedProvider(ProviderOffer(**row), **own)


async def is_named_by_live_agent(db: Connection, provider: str) -> bool:
    """Return whether the current version of a live agent names the provider.

    Reads the configs of all live agents, so it is meant only for rare operations by staff. Requires platform scope.
    """
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (
            SELECT FROM agents a JOIN agent_versions v ON v.agent_id = a.id AND v.version = a.version
            WHERE a.status = 'live' AND a.deleted_at IS NULL
              AND (v.voice_provider = $1
                   OR jsonb_path_exists(v.config, '$.speech.*[*].provider ? (@ == $name)',
                                        jsonb_build_object('name', $1::text))) LIMIT 1)
        """,
        provider,
    )
    return found
