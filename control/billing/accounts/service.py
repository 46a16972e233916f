"""Billing accounts: opened for new workspaces, and kept when workspaces are purged."""

from datetime import UTC, datetime
from uuid import UUID

from control.billing.accounts import queries
from control.billing.accounts.rules import BillingAccount
from control.db.pool import Connection
from control.platform.currencies import require_priced
from control.platform.model import CURRENCY


async def open_accounts(db: Connection, most: int) -> int:
    """Opens accounts of workspaces that have none; returns how many. Needs platform scope."""
    new = await queries.select_without_account(db, most)
    for workspace_id, created_at in new:
        await queries.insert_account(db, BillingAccount(workspace_id=workspace_id, opened_at=created_at))
    return len(new)


async def load_account(db: Connection, workspace_id: UUID) -> BillingAccount:
    """The account; the one that the worker will open if there is none yet. The workspace must exist."""
    account = await queries.select_account(db, workspace_id)
    if account is not None:
        return account
    facts = await queries.select_facts(db, workspace_id)
    opened_at = facts.created_at if facts else datetime.now(UTC)
    return BillingAccount(workspace_id=workspace_id, opened_at=opened_at)


async def open_account(db: Connection, workspace_id: UUID, tier_name: str, currency: str, now: datetime) -> None:
    """Has a new workspace billed in this currency. In any scope. Raises Conflict (code tier_not_priced)."""
    if currency == CURRENCY:
        return  # the worker opens the account
    await require_priced(db, tier_name, currency, "currency")
    account = BillingAccount(workspace_id=workspace_id, currency=currency, opened_at=now)
    await queries.insert_account(db, account)


async def keep_billing_facts(db: Connection, workspace_id: UUID) -> None:
    """Keeps what later invoices need of a workspace that is about to be purged: its name and its numbers, all of which
    must be released. Needs platform scope."""
    await queries.insert_kept_facts(db, workspace_id)
