"""Billing as the staff sees and changes it. Needs platform scope; each change is written to the audit log."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from typing import Final, Literal
from uuid import UUID

from control.analytics.periods import Period, first_day
from control.billing import (
    issuance,
    read_billed_workspaces,
    read_billing_figures,
    read_exemptions,
    read_invoices,
    store_accounts,
    store_credits,
    store_exemptions,
    store_plans,
)
from control.billing.closure import load_account
from control.billing.credits import CreditGrant
from control.billing.exemptions import Exemption, ExemptionRule, ListedExemption
from control.billing.invoices import Invoice, InvoiceFilter, InvoiceListing, PaymentStatus
from control.billing.model import BillingOverview, WorkspaceBalance
from control.billing.money import round_money
from control.billing.taxes import TaxRate
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

OverviewPeriod = Literal["month", "quarter", "year"]


@dataclass(frozen=True, slots=True)
class PaymentNotice:
    """What the staff tells of money that moved. amount: None for all that is open; positive for refunds, too."""

    amount: Decimal | None
    method: str
    reference: str
    reason: str


class BillingAdministration:
    """Overviews, invoices, payments, credits and tax rates."""

    async def get_overview(self, db: Connection, period: Period, today: date) -> BillingOverview:
        """Charges and costs of a calendar period (UTC) up to today by roll-ups, and what is open of all invoices."""
        return await read_billing_figures.select_overview(db, first_day(period, today))

    async def list_workspaces(
        self, db: Connection, status: PaymentStatus | None, *, page: PageRequest
    ) -> ListPage[WorkspaceBalance]:
        """Workspaces, newest first. Raises Invalid (code cursor_unknown)."""
        found = await read_billing_figures.select_balances(db, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await read_billing_figures.count_balances(db, status))

    async def list_invoices(
        self, db: Connection, wanted: InvoiceFilter, *, page: PageRequest
    ) -> ListPage[InvoiceListing]:
        """Newest first. Raises Invalid (code cursor_unknown)."""
        found = await read_invoices.select_listings(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await read_invoices.count_listings(db, wanted))

    async def void_invoice(self, db: Connection, actor: Actor, invoice_id: UUID, reason: str, now: datetime) -> Invoice:
        """See `issuance.void_invoice`."""
        return await issuance.void_invoice(db, actor, invoice_id, reason, now)

    async def record_payment(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
    ) -> Invoice:
        """See `issuance.record_payment`. Without an amount all that is open is paid."""
        invoice = await issuance.lock_invoice(db, invoice_id)
        amount = invoice.amount_due if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if not amount:
            raise Conflict(f"This invoice is {invoice.status}: nothing is to be paid.", code="invoice_not_open")
        payment = issuance.make_payment(invoice, amount, notice.method, now, reference=notice.reference, by=actor.id)
        return await issuance.record_payment(db, actor, replace(payment, reason=notice.reason))

    async def refund(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
    ) -> Invoice:
        """See `issuance.refund_payment`. Without an amount all that was paid is paid back."""
        invoice = await issuance.lock_invoice(db, invoice_id)
        left = invoice.amount_paid - invoice.amount_refunded
        amount = left if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if not amount:
            raise Conflict("Nothing was paid that could be paid back.", code="invoice_not_paid")
        refund = issuance.make_payment(invoice, -amount, notice.method, now, reference=notice.reference, by=actor.id)
        return await issuance.refund_payment(db, actor, replace(refund, reason=notice.reason))

    async def grant_credit(self, db: Connection, actor: Actor, grant: CreditGrant) -> CreditGrant:
        """Raises NotFound (code workspace_not_found), Invalid (codes amount_invalid, expiry_invalid)."""
        if await read_billed_workspaces.select_facts(db, grant.workspace_id) is None:
            raise NotFound("There is no such workspace.", code="workspace_not_found")
        require_exact(grant.amount, grant.currency)
        if grant.expires_at is not None and grant.expires_at <= grant.effective_at:
            raise Invalid("It would expire before it holds.", param="expires_at", code="expiry_invalid")
        await store_credits.insert_grant(db, grant)
        after = {"amount": str(grant.amount), "category": grant.category}
        await record_change(db, actor, _grant_change("credit.grant", grant, after, grant.reason))
        return grant

    async def void_credit(
        self, db: Connection, actor: Actor, grant_id: UUID, reason: str, now: datetime
    ) -> CreditGrant:
        """Nothing more is taken from it; what invoices took stays. Raises NotFound (code credit_not_found)."""
        grant = await store_credits.select_grant(db, grant_id)
        if grant is None:
            raise NotFound("There is no such credit.", code="credit_not_found")
        if grant.voided_at is None:
            await store_credits.void_grant(db, grant_id, now)
            await record_change(db, actor, _grant_change("credit.void", grant, {"balance": "0"}, reason))
            grant = replace(grant, voided_at=now)
        return grant

    async def list_tax_rates(self, db: Connection) -> list[TaxRate]:
        """All versions, by country and name."""
        return await store_plans.select_rates(db)

    async def add_tax_rate(self, db: Connection, actor: Actor, rate: TaxRate, now: datetime) -> TaxRate:
        """Raises Conflict (code tax_rate_exists)."""
        stored = await store_plans.insert_rate(db, rate, now)
        if stored is None:
            raise Conflict("There is a rate of this country, name and time.", code="tax_rate_exists")
        after = {"basis_points": rate.basis_points, "is_inclusive": rate.is_inclusive}
        await record_change(db, actor, Change("tax_rate.add", "tax_rate", f"{rate.country} {rate.name}", after=after))
        return stored

    async def set_tax_exempt(
        self, db: Connection, actor: Actor, workspace_id: UUID, exempt: bool, reason: str, now: datetime
    ) -> None:
        """Whether a workspace's invoices have no tax. Raises NotFound (code workspace_not_found), Invalid (code
        reason_required)."""
        await _set_exemption(db, actor, workspace_id, "tax", reason, now, is_granted=exempt)
        await _change_account(
            db, actor, workspace_id, "billing.tax_exempt", is_tax_exempt=exempt, reason=reason or None
        )

    async def list_exemptions(
        self, db: Connection, workspace_id: UUID | None, rule: ExemptionRule | None
    ) -> list[ListedExemption]:
        """Which workspaces are exempt from which rule, newest first. None: of all workspaces, from any rule."""
        return await read_exemptions.select_exemptions(db, workspace_id, rule)

    async def set_prepaid(self, db: Connection, actor: Actor, workspace_id: UUID, prepaid: bool) -> None:
        """Whether a workspace's calls end when its credits are used up. Raises NotFound (code workspace_not_found)."""
        await _change_account(db, actor, workspace_id, "billing.prepaid", is_prepaid=prepaid)

    async def set_payment_method_exempt(
        self, db: Connection, actor: Actor, workspace_id: UUID, exempt: bool, reason: str, now: datetime
    ) -> None:
        """Whether a workspace buys numbers without a payment method. Raises as `set_tax_exempt`."""
        await _set_exemption(db, actor, workspace_id, "payment_method", reason, now, is_granted=exempt)
        action = "billing.payment_method_exempt"
        await _change_account(db, actor, workspace_id, action, is_payment_method_exempt=exempt, reason=reason or None)


# Of a BillingAccount: what the staff sets; in the audit log.
_STAFF_FIELDS: Final = ("is_tax_exempt", "is_prepaid", "is_payment_method_exempt")


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
    """Records who exempted the workspace and why."""
    if not is_granted:
        return await store_exemptions.delete_exemption(db, workspace_id, rule)
    if not reason:
        raise Invalid("Say why the workspace is exempt.", param="reason", code="reason_required")
    if await read_billed_workspaces.select_facts(db, workspace_id) is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    new = Exemption(
        id=UUID(new_id()), workspace_id=workspace_id, rule=rule, reason=reason, granted_by=actor.email, granted_at=now
    )
    await store_exemptions.upsert_exemption(db, new)


async def _change_account(
    db: Connection,
    actor: Actor,
    workspace_id: UUID,
    action: str,
    *,
    is_tax_exempt: bool | None = None,
    is_prepaid: bool | None = None,
    is_payment_method_exempt: bool | None = None,
    reason: str | None = None,
) -> None:
    """None: as it is. reason: for the audit log."""
    if await read_billed_workspaces.select_facts(db, workspace_id) is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    await store_accounts.insert_account(db, await load_account(db, workspace_id))
    before = await store_accounts.select_account(db, workspace_id, lock=True)
    assert before is not None, "it was just inserted"
    after = replace(
        before,
        is_tax_exempt=before.is_tax_exempt if is_tax_exempt is None else is_tax_exempt,
        is_prepaid=before.is_prepaid if is_prepaid is None else is_prepaid,
        is_payment_method_exempt=(
            before.is_payment_method_exempt if is_payment_method_exempt is None else is_payment_method_exempt
        ),
    )
    await store_accounts.update_account(db, after)
    old, new = ({name: getattr(one, name) for name in _STAFF_FIELDS} for one in (before, after))
    change = Change(action, "billing_account", str(workspace_id), workspace_id, old, new, reason=reason)
    await record_change(db, actor, change)


def require_exact(amount: Decimal, currency: str, param: str = "amount") -> Decimal:
    """Raises Invalid for an amount that is not charged in the currency."""
    if amount != round_money(amount, currency):
        raise Invalid(f"{currency.upper()} has no amounts that small.", param=param, code="amount_invalid")
    return amount


def _grant_change(action: str, grant: CreditGrant, after: Mapping[str, str], reason: str) -> Change:
    return Change(action, "credit", str(grant.id), grant.workspace_id, after=after, reason=reason)
