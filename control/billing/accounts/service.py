"""Billing accounts: opened for new workspaces, changed by owners and staff, and kept after a purge."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Final
from uuid import UUID

from control.accounts.emails.service import Email, EmailQueue
from control.audit.service import Actor, Change, record_change
from control.billing.accounts import queries
from control.billing.accounts.rules import BillingAccount, BillingSettings, Exemption, ExemptionRule
from control.billing.money import require_exact
from control.db.pool import Connection
from control.platform.rules import CURRENCY
from control.platform.service import require_priced
from control.workspaces.service import Workspaces
from control.workspaces.settings import require_countries
from shared.errors import Invalid, NotFound
from shared.ids import new_id


async def open_accounts(db: Connection, most: int) -> int:
    """Open accounts for workspaces without an account. Return how many were opened. Needs platform scope."""
    new = await queries.select_without_account(db, most)
    for workspace_id, created_at in new:
        await queries.insert_account(db, BillingAccount(workspace_id=workspace_id, opened_at=created_at))
    return len(new)


async def open_account(db: Connection, workspace_id: UUID, tier_name: str, currency: str, now: datetime) -> None:
    """Open the account of a new workspace in this currency.

    Works in any scope. Raises Conflict (code tier_not_priced).
    """
    if currency == CURRENCY:
        return  # The worker opens the account.
    await require_priced(db, tier_name, currency, "currency")
    account = BillingAccount(workspace_id=workspace_id, currency=currency, opened_at=now)
    await queries.insert_account(db, account)


async def load_account(db: Connection, workspace_id: UUID) -> BillingAccount:
    """Return the workspace's account, or the account that the worker will open. The workspace must exist."""
    account = await queries.select_account(db, workspace_id)
    if account is not None:
        return account
    facts = await queries.select_facts(db, workspace_id)
    opened_at = facts.created_at if facts else datetime.now(UTC)
    return BillingAccount(workspace_id=workspace_id, opened_at=opened_at)


async def lock_account(db: Connection, workspace_id: UUID) -> BillingAccount:
    """Return the account, locked until the transaction ends. Opens the account if it does not exist."""
    await queries.insert_account(db, await load_account(db, workspace_id))
    account = await queries.select_account(db, workspace_id, lock=True)
    assert account is not None, "it was just inserted"
    return account


async def keep_billing_facts(db: Connection, workspace_id: UUID) -> None:
    """Copy the name and numbers of a workspace that is about to be purged, because later invoices need them.

    All numbers must be released. Needs platform scope.
    """
    await queries.insert_kept_facts(db, workspace_id)


# --- Settings of a workspace ---------------------------------------------------------------------------------------
# Fields of BillingAccount that a workspace changes together with its settings.
_WORKSPACE_FIELDS: Final = ("legal_name", "country", "tax_id")


async def get_settings(db: Connection, workspace_id: UUID) -> tuple[BillingSettings, BillingAccount]:
    """Return the workspace's settings, or the defaults if none are stored, and its account."""
    account = await load_account(db, workspace_id)
    return await queries.select_settings(db, workspace_id), account


async def change_settings(
    db: Connection, actor: Actor, workspace_id: UUID, values: Mapping[str, Any]
) -> tuple[BillingSettings, BillingAccount]:
    """Change these fields of the settings and the account. Raises Invalid (codes amount_invalid, country_unknown)."""
    if values.get("country") is not None:
        require_countries([values["country"]], "country")
    account = await lock_account(db, workspace_id)
    if (limit := values.get("usage_limit_monthly")) is not None:
        require_exact(limit, account.currency, "usage_limit_monthly")
    chosen = await queries.select_settings(db, workspace_id)
    before = {name: getattr(account if name in _WORKSPACE_FIELDS else chosen, name) for name in values}
    changed = {name: value for name, value in values.items() if value != before[name]}
    if changed:
        await _store_settings(db, account, changed)
        await record_change(db, actor, _settings_change(workspace_id, before, changed))
    return await get_settings(db, workspace_id)


async def _store_settings(db: Connection, account: BillingAccount, changed: Mapping[str, Any]) -> None:
    of_account = {name: value for name, value in changed.items() if name in _WORKSPACE_FIELDS}
    if of_account:
        await queries.update_account(db, replace(account, **of_account))
    others = {name: value for name, value in changed.items() if name not in _WORKSPACE_FIELDS}
    if others:
        await queries.upsert_settings(db, account.workspace_id, others)


def _settings_change(workspace_id: UUID, before: Mapping[str, Any], changed: Mapping[str, Any]) -> Change:
    old = {name: _plain(before[name]) for name in changed}
    new = {name: _plain(value) for name, value in changed.items()}
    return Change("billing.settings", "billing_settings", str(workspace_id), workspace_id, old, new)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value


# --- Exemptions ----------------------------------------------------------------------------------------------------
# Fields of BillingAccount that staff set. The audit log records their changes.
_STAFF_FIELDS: Final = ("is_tax_exempt", "is_prepaid", "is_payment_method_exempt")


async def set_tax_exempt(
    db: Connection, actor: Actor, workspace_id: UUID, exempt: bool, reason: str, now: datetime
) -> None:
    """Set whether a workspace's invoices have no tax.

    Raises NotFound (code workspace_not_found) and Invalid (code reason_required).
    """
    await _set_exemption(db, actor, workspace_id, "tax", reason, now, is_granted=exempt)
    await _change_account(db, actor, workspace_id, "billing.tax_exempt", {"is_tax_exempt": exempt}, reason)


async def set_prepaid(db: Connection, actor: Actor, workspace_id: UUID, prepaid: bool) -> None:
    """Set whether a workspace's calls end when its credits are used up. Raises NotFound (code workspace_not_found)."""
    await _change_account(db, actor, workspace_id, "billing.prepaid", {"is_prepaid": prepaid})


async def set_payment_method_exempt(
    db: Connection, actor: Actor, workspace_id: UUID, exempt: bool, reason: str, now: datetime
) -> None:
    """Set whether a workspace can buy numbers without a payment method. Raises the errors of `set_tax_exempt`."""
    await _set_exemption(db, actor, workspace_id, "payment_method", reason, now, is_granted=exempt)
    changes = {"is_payment_method_exempt": exempt}
    await _change_account(db, actor, workspace_id, "billing.payment_method_exempt", changes, reason)


async def _set_exemption(
    db: Connection,
    actor: Actor,
    workspace_id: UUID,
    rule: ExemptionRule,
    reason: str,
    now: datetime,
    *,
    is_granted: bool,
) -> None:
    """Record who exempted the workspace and why, or delete the exemption."""
    if not is_granted:
        return await queries.delete_exemption(db, workspace_id, rule)
    if not reason:
        raise Invalid("State why the workspace is exempt.", param="reason", code="reason_required")
    if await queries.select_facts(db, workspace_id) is None:
        raise NotFound("This workspace does not exist.", code="workspace_not_found")
    new = Exemption(
        id=UUID(new_id()), workspace_id=workspace_id, rule=rule, reason=reason, granted_by=actor.email, granted_at=now
    )
    await queries.upsert_exemption(db, new)


async def _change_account(
    db: Connection, actor: Actor, workspace_id: UUID, action: str, changes: Mapping[str, Any], reason: str = ""
) -> None:
    """Store changed fields of the account and record them in the audit log.

    Args:
        changes: New values by field of BillingAccount.
        reason: For the audit log.
    """
    if await queries.select_facts(db, workspace_id) is None:
        raise NotFound("This workspace does not exist.", code="workspace_not_found")
    before = await lock_account(db, workspace_id)
    after = replace(before, **changes)
    await queries.update_account(db, after)
    old, new = ({name: getattr(account, name) for name in _STAFF_FIELDS} for account in (before, after))
    change = Change(action, "billing_account", str(workspace_id), workspace_id, old, new, reason=reason or None)
    await record_change(db, actor, change)


# --- E-mails -------------------------------------------------------------------------------------------------------
class BillingMail:
    """Sends e-mails about money to the address that a workspace chose."""

    def __init__(self, workspaces: Workspaces, email_queue: EmailQueue) -> None:
        self._workspaces, self._email_queue = workspaces, email_queue

    async def send(self, db: Connection, workspace_id: UUID, page: str, write: Callable[[str, str], Email]) -> None:
        """Send an e-mail if the current transaction commits.

        Args:
            page: Name of a billing page in the workspace's portal.
            write: Creates the e-mail from an address and a link to the page.
        """
        to = await self.find_recipient(db, workspace_id)
        if to is not None:
            link = self._email_queue.page(f"workspaces/{workspace_id}/billing/{page}")
            await self._email_queue.enqueue(db, write(to, link))

    async def find_recipient(self, db: Connection, workspace_id: UUID) -> str | None:
        """Return the address for invoices, or else the address of the owner with the oldest membership."""
        chosen = await queries.select_settings(db, workspace_id)
        if chosen.billing_email:
            return chosen.billing_email
        owner = await self._workspaces.administration.owner(db, workspace_id)
        return owner.email if owner else None
