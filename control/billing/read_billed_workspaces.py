"""Read model: the workspaces that are billed, their plans over time, and their phone numbers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.billing.accounts import WorkspaceFacts
from control.billing.plans import WorkspaceState
from control.billing.statement import RentedNumber
from control.db.pool import Connection

# States of workspace $1 from $2 to $3, and the one before; the present one where no change is recorded.
_SELECT_STATES: Final = """
    WITH known AS (
        SELECT at, id, status, tier_name FROM workspace_changes
        WHERE workspace_id = $1 AND at < $3 AND at >= coalesce(
            (SELECT max(at) FROM workspace_changes WHERE workspace_id = $1 AND at <= $2), '-infinity')
    )
    SELECT at, status, tier_name FROM known
    UNION ALL
    SELECT created_at, CASE WHEN deleted_at IS NULL THEN status ELSE 'deleted' END, tier_name FROM workspaces
    WHERE id = $1 AND NOT EXISTS (SELECT FROM known)
    ORDER BY at LIMIT 10000
"""

# Workspaces whose account is missing.
_SELECT_NEW: Final = """
    SELECT w.id, w.created_at FROM workspaces w
    WHERE NOT EXISTS (SELECT FROM billing_accounts a WHERE a.workspace_id = w.id) LIMIT $1
"""

# Accounts whose latest period is over at $1 or who have none, of workspaces that are not purged.
_SELECT_WITHOUT_PERIOD: Final = """
    SELECT a.workspace_id FROM billing_accounts a JOIN workspaces w ON w.id = a.workspace_id
    WHERE NOT EXISTS (SELECT FROM billing_periods p WHERE p.workspace_id = a.workspace_id AND p.period_end > $1)
    LIMIT $2
"""

_SELECT_NUMBERS: Final = """
    SELECT id, phone_number, created_at AS since, released_at AS until, monthly_price FROM phone_numbers
    WHERE workspace_id = $1 AND status IN ('active', 'releasing', 'released') AND created_at < $3
      AND (released_at IS NULL OR released_at > $2)
    ORDER BY created_at, id LIMIT 10000
"""


async def select_facts(db: Connection, workspace_id: UUID) -> WorkspaceFacts | None:
    """Also of a deleted workspace; None once it is purged."""
    row = await db.fetchrow("SELECT name, timezone, created_at FROM workspaces WHERE id = $1", workspace_id)
    return None if row is None else WorkspaceFacts(**row)


async def select_states(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[WorkspaceState]:
    """Status and tier between two moments, and before the first, in the order of time."""
    rows = await db.fetch(_SELECT_STATES, workspace_id, start, end)
    return [WorkspaceState(**row) for row in rows]


async def select_numbers(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[RentedNumber]:
    """Phone numbers that the workspace had at some moment in between."""
    return [RentedNumber(**row) for row in await db.fetch(_SELECT_NUMBERS, workspace_id, start, end)]


async def select_without_account(db: Connection, most: int) -> list[tuple[UUID, datetime]]:
    """Workspaces and their creation. Needs platform scope."""
    return [(row["id"], row["created_at"]) for row in await db.fetch(_SELECT_NEW, most)]


async def select_without_period(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Workspaces with an account and no period that goes on beyond `now`. Needs platform scope."""
    return [row["workspace_id"] for row in await db.fetch(_SELECT_WITHOUT_PERIOD, now, most)]
