"""SQL for integration types."""

from collections.abc import Sequence
from typing import Final

from control.db.pool import Connection
from control.integrations.types.rules import IntegrationType, TypeUsage

MOST_TYPES: Final = 500
_COLUMNS: Final = """
    t.type, t.name, t.description, t.auth_type, t.config, t.is_enabled, t.version, t.is_shipped,
    t.secrets IS NOT NULL AS has_secret, t.created_at, t.updated_at
"""
# Customers see only types that they can connect. OAuth requires the platform's client id at the vendor.
_SELECT_TYPES: Final = f"""
    SELECT {_COLUMNS} FROM integration_types t
    WHERE NOT $1 OR t.is_enabled
      AND (t.auth_type <> 'oauth2' OR coalesce(t.config #>> '{{oauth,client_id}}', '') <> '')
    ORDER BY t.name, t.type LIMIT $2
"""
_INSERT: Final = """
    INSERT INTO integration_types (type, name, description, auth_type, config, is_enabled, is_shipped, secrets,
                                   shipped_config)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, CASE WHEN $7 THEN $5::jsonb END) ON CONFLICT (type) DO NOTHING
"""
_UPDATE: Final = """
    UPDATE integration_types SET name = $2, description = $3, config = $4, is_enabled = $5, version = version + 1,
           updated_at = clock_timestamp()
    WHERE type = $1
"""
# Version 1 is a type as it was first inserted. The client id and `is_enabled` belong to the staff and are kept.
_UPDATE_SHIPPED: Final = """
    UPDATE integration_types t SET
        config = CASE WHEN t.config #> '{oauth,client_id}' IS NULL THEN $2::jsonb
                      ELSE jsonb_set($2::jsonb, '{oauth,client_id}', t.config #> '{oauth,client_id}') END,
        description = CASE WHEN version = 1 THEN $3 ELSE description END,
        is_enabled = CASE WHEN version = 1 THEN $4 ELSE is_enabled END,
        shipped_config = $2::jsonb, updated_at = now()
    WHERE type = $1 AND is_shipped AND shipped_config IS DISTINCT FROM $2::jsonb
      AND (version = 1 OR config #- '{oauth,client_id}' = shipped_config #- '{oauth,client_id}')
"""
# Per type: the number of workspaces with a connection and the number of all syncs.
_USAGE: Final = """
    SELECT t.type AS integration_type, coalesce(w.workspaces, 0) AS workspaces_using,
           coalesce(s.syncs, 0) AS total_syncs
    FROM integration_types t
    LEFT JOIN (SELECT integration_type, count(DISTINCT workspace_id) AS workspaces FROM integrations GROUP BY 1) w
        ON w.integration_type = t.type
    LEFT JOIN (SELECT i.integration_type, count(*) AS syncs FROM integration_sync_logs l
               JOIN integrations i ON i.id = l.integration_id GROUP BY 1) s ON s.integration_type = t.type
    ORDER BY workspaces_using DESC, t.type LIMIT $1
"""


async def select_types(db: Connection, *, only_ready: bool) -> list[IntegrationType]:
    """Return types by name.

    Args:
        only_ready: Whether to return only enabled types that can be connected.
    """
    rows = await db.fetch(_SELECT_TYPES, only_ready, MOST_TYPES)
    return [IntegrationType(**row) for row in rows]


async def select_type(db: Connection, name: str, *, lock: bool = False) -> IntegrationType | None:
    """Return a type, or None.

    Args:
        lock: Whether to lock the row until the transaction ends.
    """
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM integration_types t WHERE t.type = $1" + (" FOR UPDATE" if lock else ""), name
    )
    return None if row is None else IntegrationType(**row)


async def select_secret(db: Connection, name: str) -> bytes | None:
    """Return the sealed client secret of a type, or None."""
    sealed: bytes | None = await db.fetchval("SELECT secrets FROM integration_types WHERE type = $1", name)
    return sealed


async def count_types(db: Connection) -> int:
    count: int = await db.fetchval("SELECT count(*) FROM integration_types")
    return count


async def is_used(db: Connection, name: str) -> bool:
    """Return whether any workspace has a connection of this type. Requires platform scope."""
    used: bool = await db.fetchval("SELECT EXISTS (SELECT FROM integrations WHERE integration_type = $1)", name)
    return used


async def select_usage(db: Connection) -> Sequence[TypeUsage]:
    """Return how much each type is used, most used first. Requires platform scope."""
    rows = await db.fetch(_USAGE, MOST_TYPES)
    return [TypeUsage(**row) for row in rows]


async def insert_type(db: Connection, new: IntegrationType, sealed: bytes | None) -> bool:
    """Insert a type. Return False if a type with this name exists."""
    status = await db.execute(
        _INSERT,
        new.type,
        new.name,
        new.description,
        new.auth_type,
        dict(new.config),
        new.is_enabled,
        new.is_shipped,
        sealed,
    )
    return bool(status == "INSERT 0 1")


async def update_type(db: Connection, changed: IntegrationType) -> None:
    """Update the changeable columns and increment the version."""
    await db.execute(_UPDATE, changed.type, changed.name, changed.description, dict(changed.config), changed.is_enabled)


async def update_secret(db: Connection, name: str, sealed: bytes | None) -> None:
    """Replace the client secret; None removes it."""
    await db.execute("UPDATE integration_types SET secrets = $2 WHERE type = $1", name, sealed)


async def update_shipped(db: Connection, shipped: IntegrationType) -> None:
    """Replace the config of a shipped type, unless staff have changed more than its client id.

    For a type that staff have not changed at all, also replace description and `is_enabled`.
    """
    await db.execute(_UPDATE_SHIPPED, shipped.type, dict(shipped.config), shipped.description, shipped.is_enabled)


async def delete_type(db: Connection, name: str) -> None:
    """Delete a type that no workspace uses."""
    await db.execute("DELETE FROM integration_types WHERE type = $1", name)
