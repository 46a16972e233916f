"""SQL for the workspaces' connections to vendors."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.integrations.grants.rules import ConnectionStatus
from control.integrations.rules import Integration

_COLUMNS: Final = """
    i.id, i.workspace_id, i.integration_type, i.name, i.status, i.config, i.error, i.account, i.scopes,
    i.credentials IS NOT NULL AS has_credentials, i.connected_at, i.last_sync_at, i.created_at, i.updated_at
"""
_ORDER: Final = Keyset(
    ("i.created_at", "i.id"), "SELECT created_at, id FROM integrations WHERE id = $1 AND workspace_id = $2"
)
_INSERT: Final = """
    INSERT INTO integrations (id, workspace_id, integration_type, name, status, config, credentials, created_by,
                              grant_version, connected_at, created_at, updated_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11)
"""


@dataclass(frozen=True, slots=True)
class NewIntegration:
    """A connection to insert.

    Attributes:
        sealed: Sealed credentials. None if the connection is created without credentials.
    """

    id: UUID
    workspace_id: UUID
    integration_type: str
    name: str
    status: ConnectionStatus
    config: Mapping[str, Any]
    sealed: bytes | None = field(repr=False)
    created_by: UUID
    created_at: datetime


async def select_integrations(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[Integration]:
    """Return a page of connections, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM integrations i WHERE i.workspace_id = $1 {clause.tail}", *clause.values
    )
    return cut_page([Integration(**row) for row in rows], page)


async def count_integrations(db: Connection, workspace_id: UUID) -> int:
    """Count a workspace's connections."""
    found: int = await db.fetchval("SELECT count(*) FROM integrations WHERE workspace_id = $1", workspace_id)
    return found


async def select_integration(
    db: Connection, workspace_id: UUID, integration_id: UUID, *, lock: bool = False
) -> Integration | None:
    """Return a connection, or None.

    Args:
        lock: Whether to lock the row until the transaction ends.
    """
    row = await db.fetchrow(
        f"SELECT {_COLUMNS} FROM integrations i WHERE i.workspace_id = $1 AND i.id = $2"
        + (" FOR UPDATE" if lock else ""),
        workspace_id,
        integration_id,
    )
    return None if row is None else Integration(**row)


async def insert_integration(db: Connection, new: NewIntegration) -> None:
    has_credentials = new.sealed is not None
    await db.execute(
        _INSERT,
        new.id,
        new.workspace_id,
        new.integration_type,
        new.name,
        new.status,
        dict(new.config),
        new.sealed,
        new.created_by,
        int(has_credentials),
        new.created_at if has_credentials else None,
        new.created_at,
    )


async def update_integration(db: Connection, changed: Integration) -> None:
    """Update a connection's name and settings."""
    await db.execute(
        "UPDATE integrations SET name = $3, config = $4, updated_at = $5 WHERE workspace_id = $1 AND id = $2",
        changed.workspace_id,
        changed.id,
        changed.name,
        dict(changed.config),
        changed.updated_at,
    )


async def delete_integration(db: Connection, workspace_id: UUID, integration_id: UUID) -> None:
    """Delete a connection with its credentials, open OAuth flows and sync log."""
    await db.execute("DELETE FROM integrations WHERE workspace_id = $1 AND id = $2", workspace_id, integration_id)
