"""SQL for billing accounts, billing settings, exemptions and rented numbers, and facts about billed workspaces."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from control.billing.accounts.rules import (
    MOST_EXEMPTIONS,
    BillingAccount,
    BillingSettings,
    Exemption,
    ExemptionRule,
    ListedExemption,
    WorkspaceFacts,
    WorkspaceState,
)
from control.db.pool import Connection

# --- Accounts and settings -----------------------------------------------------------------------------------------
_ACCOUNT: Final = ", ".join(field.name for field in fields(BillingAccount))
_SETTINGS: Final = tuple(field.name for field in fields(BillingSettings))


async def select_account(db: Connection, workspace_id: UUID, *, lock: bool = False) -> BillingAccount | None:
    """Return the workspace's billing account, or None.

    Args:
        lock: Lock the row until the transaction ends.
    """
    ending = " FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_ACCOUNT} FROM billing_accounts WHERE workspace_id = $1{ending}", workspace_id)
    return None if row is None else BillingAccount(**row)


async def insert_account(db: Connection, account: BillingAccount) -> None:
    """Insert an account. Does nothing if the workspace already has an account."""
    await db.execute(
        "INSERT INTO billing_accounts (workspace_id, currency, anchor_day, opened_at) VALUES ($1, $2, $3, $4) "
        "ON CONFLICT DO NOTHING",
        account.workspace_id,
        account.currency,
        account.anchor_day,
        account.opened_at,
    )


async def update_currency(db: Connection, workspace_id: UUID, currency: str) -> None:
    """Set the account's currency. The account must be locked."""
    await db.execute(
        "UPDATE billing_accounts SET currency = $2, updated_at = now() WHERE workspace_id = $1", workspace_id, currency
    )


async def update_account(db: Connection, account: BillingAccount) -> None:
    """Store the account's changeable fields.

    These are the customer data and taxes of invoices, prepayment, and the payment method exemption.
    """
    await db.execute(
        "UPDATE billing_accounts SET legal_name = $2, country = $3, tax_id = $4, is_tax_exempt = $5, "
        "is_prepaid = $6, is_payment_method_exempt = $7, updated_at = now() WHERE workspace_id = $1",
        account.workspace_id,
        account.legal_name,
        account.country,
        account.tax_id,
        account.is_tax_exempt,
        account.is_prepaid,
        account.is_payment_method_exempt,
    )


async def select_settings(db: Connection, workspace_id: UUID) -> BillingSettings:
    """Return the workspace's settings, or the defaults if none are stored."""
    row = await db.fetchrow(
        f"SELECT {', '.join(_SETTINGS)} FROM billing_settings WHERE workspace_id = $1", workspace_id
    )
    return BillingSettings() if row is None else BillingSettings(**row)


async def upsert_settings(db: Connection, workspace_id: UUID, values: Mapping[str, Any]) -> None:
    """Store these fields of BillingSettings. Other fields stay unchanged."""
    names = [name for name in _SETTINGS if name in values]
    places = ", ".join(f"${place}" for place in range(2, len(names) + 2))
    sets = ", ".join(f"{name} = excluded.{name}" for name in (*names, "updated_at"))
    await db.execute(
        f"INSERT INTO billing_settings (workspace_id, updated_at, {', '.join(names)}) VALUES ($1, now(), {places}) "
        f"ON CONFLICT (workspace_id) DO UPDATE SET {sets}",
        workspace_id,
        *(values[name] for name in names),
    )


async def select_without_account(db: Connection, most: int) -> list[tuple[UUID, datetime]]:
    """Return workspaces without an account, with their creation time. Needs platform scope."""
    return [(row["id"], row["created_at"]) for row in await db.fetch(_SELECT_NEW, most)]


# Selects workspaces that have no account.
_SELECT_NEW: Final = """
    SELECT w.id, w.created_at FROM workspaces w
    WHERE NOT EXISTS (SELECT FROM billing_accounts a WHERE a.workspace_id = w.id) LIMIT $1
"""

# --- Exemptions ----------------------------------------------------------------------------------------------------
_UPSERT: Final = """
    INSERT INTO exemptions (id, workspace_id, rule, reason, granted_by, granted_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (workspace_id, rule) DO UPDATE SET
        reason = excluded.reason, granted_by = excluded.granted_by, granted_at = excluded.granted_at
"""
# Selects the exemptions of workspace $1 from rule $2, or all exemptions, newest first.
_SELECT: Final = """
    SELECT e.id, e.workspace_id, e.rule, e.reason, e.granted_by, e.granted_at, w.name AS workspace_name
    FROM exemptions e JOIN workspaces w ON w.id = e.workspace_id
    WHERE ($1::uuid IS NULL OR e.workspace_id = $1) AND ($2::text IS NULL OR e.rule = $2)
    ORDER BY e.granted_at DESC, e.id DESC LIMIT $3
"""


async def upsert_exemption(db: Connection, new: Exemption) -> None:
    """Store an exemption.

    It replaces an exemption of the workspace from the same rule, so that the latest reason is kept.
    """
    await db.execute(_UPSERT, new.id, new.workspace_id, new.rule, new.reason, new.granted_by, new.granted_at)


async def delete_exemption(db: Connection, workspace_id: UUID, rule: ExemptionRule) -> None:
    """Delete an exemption. Does nothing if it does not exist."""
    await db.execute("DELETE FROM exemptions WHERE workspace_id = $1 AND rule = $2", workspace_id, rule)


async def select_exemptions(
    db: Connection, workspace_id: UUID | None, rule: ExemptionRule | None
) -> list[ListedExemption]:
    """Return up to MOST_EXEMPTIONS exemptions, newest first. Needs platform scope."""
    rows = [dict(row) for row in await db.fetch(_SELECT, workspace_id, rule, MOST_EXEMPTIONS)]
    return [ListedExemption(workspace_name=row.pop("workspace_name"), exemption=Exemption(**row)) for row in rows]


# --- Billed workspaces ---------------------------------------------------------------------------------------------
# Selects the states of workspace $1 from $2 to $3 and the previous state, or the current state if no change is
# recorded. A workspace that was suspended or deleted after its trial and was never active stays on trial, because
# nobody agreed to pay.
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
# Invoices of a purged workspace keep the workspace's name.
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
    """Return facts about the workspace, even if it is deleted. Returns None after a purge."""
    row = await db.fetchrow("SELECT name, timezone, created_at FROM workspaces WHERE id = $1", workspace_id)
    return None if row is None else WorkspaceFacts(**row)


async def select_states(db: Connection, workspace_id: UUID, start: datetime, end: datetime) -> list[WorkspaceState]:
    """Return the status and tier changes between two times in order, preceded by the last state before the
    first time.
    """
    rows = await db.fetch(_SELECT_STATES, workspace_id, start, end)
    return [WorkspaceState(row["at"], row["status"], row["tier_name"]) for row in rows]


async def lock_tier(db: Connection, workspace_id: UUID) -> str | None:
    """Return the tier of a workspace and lock it until the transaction ends.

    Returns None if the workspace does not exist or is deleted.
    """
    tier_name: str | None = await db.fetchval(
        "SELECT tier_name FROM workspaces WHERE id = $1 AND deleted_at IS NULL FOR NO KEY UPDATE", workspace_id
    )
    return tier_name


async def has_amounts(db: Connection, workspace_id: UUID) -> bool:
    """Return whether the workspace has, or will have, amounts of money.

    These are calls, invoices, credits or a spending limit.
    """
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


async def insert_kept_facts(db: Connection, workspace_id: UUID) -> None:
    """Copy a workspace's name and numbers to billing's own tables. Needs platform scope."""
    await db.execute(_KEEP_NAME, workspace_id)
    await db.execute(_KEEP_NUMBERS, workspace_id)
