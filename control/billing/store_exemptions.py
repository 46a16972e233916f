"""SQL of exemptions."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from control.db.pool import Connection

ExemptionRule = Literal["tax", "payment_method"]

_UPSERT: Final = """
    INSERT INTO exemptions (id, workspace_id, rule, reason, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (workspace_id, rule) DO UPDATE SET
        reason = excluded.reason, granted_by = excluded.granted_by, granted_at = excluded.granted_at
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Exemption:
    """A workspace to which a rule does not apply. granted_by: an administrator's e-mail address; None where it was not
    recorded."""

    id: UUID
    workspace_id: UUID
    rule: ExemptionRule
    reason: str
    granted_by: str | None
    granted_at: datetime


async def upsert_exemption(db: Connection, new: Exemption) -> None:
    """In place of the workspace's exemption of this rule, if there is one: the latest reason holds."""
    await db.execute(_UPSERT, new.id, new.workspace_id, new.rule, new.reason, new.granted_by, new.granted_at)


async def delete_exemption(db: Connection, workspace_id: UUID, rule: ExemptionRule) -> None:
    """Does nothing where there is none."""
    await db.execute("DELETE FROM exemptions WHERE workspace_id = $1 AND rule = $2", workspace_id, rule)
