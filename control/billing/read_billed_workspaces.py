"""Read model: the workspaces that are billed, their plans over time, and their phone numbers."""

from datetime import datetime
from typing import Final
from uuid import UUID

from control.billing.accounts import WorkspaceFacts
from control.billing.plans import WorkspaceState
from control.billing.statement import RentedNumber
from control.db.pool import Connection

# States of workspace $1 from $2 to $3, and the one before; the present one where no change is recorded. One that was
# suspended or deleted after its trial, and never active, stays on trial: nobody agreed to pay.
_SELECT_STATES: Final = """
    WITH known AS (
        SELECT at, seq, tier_name, CASE
            WHEN status IN ('suspended', 'deleted') AND EXISTS (
                SELECT FROM workspace_changes b
                WHERE b.workspace_id = $1 AND (b.at, b.seq) <= (c.at, c.seq) AND b.status = 'trial')
            AND NOT EXISTS (
                SELECT FROM workspace_changes b
                WHERE b.workspace_id = $1 AND (b.at, b.seq) <= (c.at, c.seq) AND b.status = 'active')
            THEN 'trial' ELSE status END AS status
        FROM workspace_changes c
        WHERE workspace_id = $1 AND at < $3 AND at >= coalesce(
            (SELECT max(at) FROM workspace_changes WHERE workspace_id = $1 AND at <= $2), '-infinity')
    )
    SELECT at, seq, status, tier_name FROM known
    UNION ALL
    SELECT created_at, 0, CASE WHEN deleted_at IS NULL THEN status ELSE 'deleted' END, tier_name FROM workspaces
    WHERE id = $1 AND NOT EXISTS (SELECT FROM known)
    ORDER BY at, seq LIMIT 10000
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

# Numbers that the carrier gave us; an order that was cancelled or failed is none. Of a workspace that is purged, only
# rented_numbers has them.
_SELECT_NUMBERS: Final = """
    SELECT id, phone_number, coalesce(bought_at, created_at) AS since, released_at AS until, monthly_price
    FROM phone_numbers
    WHERE workspace_id = $1 AND status IN ('active', 'releasing', 'released')
      AND (status = 'active' OR carrier_number_id IS NOT NULL)
      AND coalesce(bought_at, created_at) < $3 AND (released_at IS NULL OR released_at > $2)
    UNION ALL
    SELECT id, phone_number, since, until, monthly_price FROM rented_numbers
    WHERE workspace_id = $1 AND since < $3 AND until > $2
    ORDER BY since, id LIMIT 10000
"""

# An invoice of a purged workspace has the name that the workspace had.
_KEEP_NAME: Final = """
    UPDATE billing_accounts a SET legal_name = w.name, updated_at = now() FROM workspaces w
    WHERE w.id = $1 AND a.workspace_id = w.id AND a.legal_name = ''
"""
_KEEP_NUMBERS: Final = """
    INSERT INTO rented_numbers (id, workspace_id, phone_number, since, until, monthly_price)
    SELECT id, workspace_id, phone_number, coalesce(bought_at, created_at), coalesce(released_at, updated_at),
           monthly_price
    FROM phone_numbers WHERE workspace_id = $1 AND status = 'released' AND carrier_number_id IS NOT NULL
    ON CONFLICT DO NOTHING
"""


async def select_facts(db: Connection, workspace_id: UUID) -> WorkspaceFacts | None:
    """Also of a deleted workspace; None once it is purged."""
    row = await db.fetchrow("SELECT name, timezone, created_at FROM workspaces WHERE id = $1", workspace_id)
    return None if row is None else WorkspaceFacts(**row)


async def lock_tier(db: Connection, workspace_id: UUID) -> str | None:
    """The tier of a workspace, which does not change until the transaction ends; None: there is no such workspace, or
    it is deleted."""
    tier_name: str | None = await db.fetchval(
        "SELECT tier_name FROM workspaces WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE", workspace_id
    )
    return tier_name


async def has_amounts(db: Connection, workspace_id: UUID) -> bool:
    """Whether anything of it has an amount of money, or will have one: calls, invoices, credits, a spending limit."""
    found: bool = await db.fetchval(
        """
        SELECT EXISTS (SELECT FROM calls WHERE workspace_id = $1)
            OR EXISTS (SELECT FROM usage_records WHERE workspace_id = $1 AND price <> 0)
            OR EXISTS (SELECT FROM invoices WHERE workspace_id = $1)
            OR EXISTS (SELECT FROM credit_grants WHERE workspace_id = $1)
            OR EXISTS (SELECT FROM billing_settings WHERE workspace_id = $1 AND usage_limit_monthly IS NOT NULL)
        """,
        workspace_id,
    )
    return found


async def select_states(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[WorkspaceState]:
    """Status and tier between two moments, and before the first, in the order of time."""
    rows = await db.fetch(_SELECT_STATES, workspace_id, start, end)
    return [WorkspaceState(row["at"], row["status"], row["tier_name"]) for row in rows]


async def select_numbers(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[RentedNumber]:
    """Phone numbers that the workspace had at some moment in between."""
    return [RentedNumber(**row) for row in await db.fetch(_SELECT_NUMBERS, workspace_id, start, end)]


async def select_without_account(db: Connection, most: int) -> list[tuple[UUID, datetime]]:
    """Workspaces and their creation. Needs platform scope."""
    return [(row["id"], row["created_at"]) for row in await db.fetch(_SELECT_NEW, most)]


async def select_without_period(db: Connection, now: datetime, most: int) -> list[UUID]:
    """Workspaces with an account and no period that goes on beyond `now`. Needs platform scope."""
    return [row["workspace_id"] for row in await db.fetch(_SELECT_WITHOUT_PERIOD, now, most)]


async def insert_kept_facts(db: Connection, workspace_id: UUID) -> None:
    """Copies a workspace's name and numbers to billing's own tables. Needs platform scope."""
    await db.execute(_KEEP_NAME, workspace_id)
    await db.execute(_KEEP_NUMBERS, workspace_id)
