"""SQL of exemptions."""

from typing import Final
from uuid import UUID

from control.billing.exemptions import Exemption, ExemptionRule
from control.db.pool import Connection

_UPSERT: Final = """
    INSERT INTO exemptions (id, workspace_id, rule, reason, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (workspace_id, rule) DO UPDATE SET
        reason = excluded.reason, granted_by = excluded.granted_by, granted_at = excluded.granted_at
"""


async def upsert_exemption(db: Connection, new: Exemption) -> None:
    """In place of the workspace's exemption of this rule, if there is one: the latest reason holds."""
    await db.execute(_UPSERT, new.id, new.workspace_id, new.rule, new.reason, new.granted_by, new.granted_at)


async def delete_exemption(db: Connection, workspace_id: UUID, rule: ExemptionRule) -> None:
    """Does nothing where there is none."""
    await db.execute("DELETE FROM exemptions WHERE workspace_id = $1 AND rule = $2", workspace_id, rule)
