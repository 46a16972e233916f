"""SQL that loads a connection with its settings and the declarations of its type."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.integrations.actions.rules import ActiveConnection
from control.integrations.types.rules import IntegrationTypeConfig

_COLUMNS: Final = """
    SELECT i.id, i.workspace_id, t.type, i.config AS settings, i.account, t.config
    FROM integrations i JOIN integration_types t ON t.type = i.integration_type
    WHERE i.status = 'connected' AND t.is_enabled
"""
_ONE: Final = f"{_COLUMNS} AND i.workspace_id = $1 AND i.id = $2"
# Order by age, so that adding a connection does not change which connection existing agents use.
_WITH_ACTIONS: Final = f"""
    {_COLUMNS} AND i.workspace_id = $1 AND ($3::uuid IS NULL OR i.id = $3)
      AND NOT EXISTS (SELECT FROM unnest($2::text[]) AS wanted (name)
                      WHERE NOT jsonb_path_exists(t.config, '$.actions[*] ? (@.name == $name)',
                                                  jsonb_build_object('name', wanted.name)))
    ORDER BY i.created_at, i.id LIMIT 1
"""
_TYPES: Final = """
    SELECT i.id, t.config FROM integrations i JOIN integration_types t ON t.type = i.integration_type
    WHERE i.workspace_id = $1 AND i.id = ANY($2::uuid[])
"""


async def select_connection(db: Connection, workspace_id: UUID, integration_id: UUID) -> ActiveConnection | None:
    """Return the connection. None if it is not connected or its type is disabled."""
    return _connection(await db.fetchrow(_ONE, workspace_id, integration_id))


async def select_with_actions(
    db: Connection, workspace_id: UUID, actions: Sequence[str], integration_id: UUID | None = None
) -> ActiveConnection | None:
    """Return the oldest connection in the workspace whose type declares all of these actions.

    Args:
        integration_id: Restricts the search to this connection.
    """
    return _connection(await db.fetchrow(_WITH_ACTIONS, workspace_id, list(actions), integration_id))


async def select_type_configs(
    db: Connection, workspace_id: UUID, integration_ids: Sequence[UUID]
) -> dict[UUID, IntegrationTypeConfig]:
    """Return the type configs of these integrations, whether connected or not.

    Integrations of other workspaces are left out.
    """
    rows = await db.fetch(_TYPES, workspace_id, list(integration_ids))
    return {row["id"]: IntegrationTypeConfig.model_validate(row["config"]) for row in rows}


def _connection(row: Any) -> ActiveConnection | None:
    if row is None:
        return None
    parsed = IntegrationTypeConfig.model_validate(row["config"])
    return ActiveConnection(row["id"], row["workspace_id"], row["type"], row["settings"], parsed, row["account"])
