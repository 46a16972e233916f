"""Read model: exemptions with the names of their workspaces."""

from typing import Final
from uuid import UUID

from control.billing.exemptions import MOST_EXEMPTIONS, Exemption, ExemptionRule, ListedExemption
from control.db.pool import Connection

# Of workspace $1 and rule $2, or of all, newest first.
_SELECT: Final = """
    SELECT e.id, e.workspace_id, e.rule, e.reason, e.granted_by, e.granted_at, w.name AS workspace_name
    FROM exemptions e JOIN workspaces w ON w.id = e.workspace_id
    WHERE ($1::uuid IS NULL OR e.workspace_id = $1) AND ($2::text IS NULL OR e.rule = $2)
    ORDER BY e.granted_at DESC, e.id DESC LIMIT $3
"""


async def select_exemptions(
    db: Connection, workspace_id: UUID | None, rule: ExemptionRule | None
) -> list[ListedExemption]:
    """Up to MOST_EXEMPTIONS, newest first. Needs platform scope."""
    rows = [dict(row) for row in await db.fetch(_SELECT, workspace_id, rule, MOST_EXEMPTIONS)]
    return [ListedExemption(workspace_name=row.pop("workspace_name"), exemption=Exemption(**row)) for row in rows]
