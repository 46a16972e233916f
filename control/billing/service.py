"""What a workspace sees of its billing, and what it may change; and what the staff changes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final, Literal
from uuid import UUID

from control.accounts.email_delivery import Email, EmailQueue
from control.analytics.periods import Period, first_day
from control.billing.accounts import queries as accounts_queries
from control.billing.accounts.rules import BillingAccount, BillingSettings, Exemption, ExemptionRule, ListedExemption
from control.billing.accounts.service import load_account
from control.billing.accruals.service import AccruedBill, load_accrued_bill
from control.billing.credits import queries as credits_queries
from control.billing.credits.rules import CreditGrant
from control.billing.figures import queries as figures_queries
from control.billing.figures.rules import BillingOverview, WorkspaceBalance
from control.billing.invoices import queries as invoices_queries
from control.billing.invoices import service as invoices_service
from control.billing.invoices.emails import invoice_email
from control.billing.invoices.rules import (
    Invoice,
    InvoiceFilter,
    InvoiceLine,
    InvoiceListing,
    Payment,
    PaymentNotice,
    PaymentStatus,
    TaxRate,
)
from control.billing.limits import queries as limits_queries
from control.billing.limits.rules import SpendAlert
from control.billing.money import require_exact, round_money
from control.billing.payments.sink import BillingSink
from control.billing.periods import queries as periods_queries
from control.billing.periods.rules import RESOURCE_TYPES, BillingPeriod, PeriodSummary, Statement
from control.billing.periods.service import find_period, load_running_statement
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from control.workspaces.countries import require_countries
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

OverviewPeriod = Literal["month", "quarter", "year"]


class BillingAdministration:
    """Overviews, invoices, payments, credits and tax rates."""

    async def get_overview(self, db: Connection, period: Period, today: date) -> BillingOverview:
        """Charges and costs of a calendar period (UTC) up to today by roll-ups, and what is open of all invoices."""
        return await figures_queries.select_overview(db, first_day(period, today))

    async def list_workspaces(
        self, db: Connection, status: PaymentStatus | None, *, page: PageRequest
    ) -> ListPage[WorkspaceBalance]:
        """Workspaces, newest first. Raises Invalid (code cursor_unknown)."""
        found = await figures_queries.select_balances(db, status, page)
        if page.cursor is not None:
            return found
        return found.with_total(await figures_queries.count_balances(db, status))

    async def list_invoices(
        self, db: Connection, wanted: InvoiceFilter, *, page: PageRequest
    ) -> ListPage[InvoiceListing]:
        """Newest first. Raises Invalid (code cursor_unknown)."""
        found = await invoices_queries.select_listings(db, wanted, page)
        if page.cursor is not None:
            return found
        return found.with_total(await invoices_queries.count_listings(db, wanted))

    async def void_invoice(self, db: Connection, actor: Actor, invoice_id: UUID, reason: str, now: datetime) -> Invoice:
        """See `issuance.void_invoice`."""
        return await invoices_service.void_invoice(db, actor, invoice_id, reason, now)

    async def record_payment(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
    ) -> Invoice:
        """See `issuance.record_payment`. Without an amount all that is open is paid."""
        invoice = await invoices_service.lock_invoice(db, invoice_id)
        amount = invoice.amount_due if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if not amount:
            raise Conflict(f"This invoice is {invoice.status}: nothing is to be paid.", code="invoice_not_open")
        payment = invoices_service.make_payment(
            invoice, amount, notice.method, now, reference=notice.reference, by=actor.id
        )
        return await invoices_service.record_payment(db, actor, replace(payment, reason=notice.reason))

    async def refund(
        self, db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
    ) -> Invoice:
        """See `issuance.refund_payment`. Without an amount all that was paid is paid back."""
        invoice = await invoices_service.lock_invoice(db, invoice_id)
        left = invoice.amount_paid - invoice.amount_refunded
        amount = left if notice.amount is None else require_exact(notice.amount, invoice.currency)
        if not amount:
            raise Conflict("Nothing was paid that could be paid back.", code="invoice_not_paid")
        refund = invoices_service.make_payment(
            invoice, -amount, notice.method, now, reference=notice.reference, by=actor.id
        )
        return await invoices_service.refund_payment(db, actor, replace(refund, reason=notice.reason))

    async def grant_credit(self, db: Connection, actor: Actor, grant: CreditGrant) -> CreditGrant:
        """Raises NotFound (code workspace_not_found), Invalid (codes amount_invalid, expiry_invalid)."""
        if await accounts_queries.select_facts(db, grant.workspace_id) is None:
            raise NotFound("There is no such workspace.", code="workspace_not_found")
        require_exact(grant.amount, grant.currency)
        if grant.expires_at is not None and grant.expires_at <= grant.effective_at:
            raise Invalid("It would expire before it holds.", param="expires_at", code="expiry_invalid")
        await credits_queries.insert_grant(db, grant)
        after = {"amount": str(grant.amount), "category": grant.category}
        await record_change(db, actor, _grant_change("credit.grant", grant, after, grant.reason))
        return grant

    async def void_credit(
        self, db: Connection, actor: Actor, grant_id: UUID, reason: str, now: datetime
    ) -> CreditGrant:
        """Nothing more is taken from it; what invoices took stays. Raises NotFound (code credit_not_found)."""
        grant = await credits_queries.select_grant(db, grant_id)
        if grant is None:
            raise NotFound("There is no such credit.", code="credit_not_found")
        if grant.voided_at is None:
            await credits_queries.void_grant(db, grant_id, now)
            await record_change(db, actor, _grant_change("credit.void", grant, {"balance": "0"}, reason))
            grant = replace(grant, voided_at=now)
        return grant

    async def list_tax_rates(self, db: Connection) -> list[TaxRate]:
        """All versions, by country and name."""
        return await invoices_queries.select_tax_rates(db)

    async def add_tax_rate(self, db: Connection, actor: Actor, rate: TaxRate, now: datetime) -> TaxRate:
        """Raises Conflict (code tax_rate_exists)."""
        stored = await invoices_queries.insert_tax_rate(db, rate, now)
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
        return await accounts_queries.select_exemptions(db, workspace_id, rule)

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
        return await accounts_queries.delete_exemption(db, workspace_id, rule)
    if not reason:
        raise Invalid("Say why the workspace is exempt.", param="reason", code="reason_required")
    if await accounts_queries.select_facts(db, workspace_id) is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    new = Exemption(
        id=UUID(new_id()), workspace_id=workspace_id, rule=rule, reason=reason, granted_by=actor.email, granted_at=now
    )
    await accounts_queries.upsert_exemption(db, new)


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
    if await accounts_queries.select_facts(db, workspace_id) is None:
        raise NotFound("There is no such workspace.", code="workspace_not_found")
    await accounts_queries.insert_account(db, await load_account(db, workspace_id))
    before = await accounts_queries.select_account(db, workspace_id, lock=True)
    assert before is not None, "it was just inserted"
    after = replace(
        before,
        is_tax_exempt=before.is_tax_exempt if is_tax_exempt is None else is_tax_exempt,
        is_prepaid=before.is_prepaid if is_prepaid is None else is_prepaid,
        is_payment_method_exempt=(
            before.is_payment_method_exempt if is_payment_method_exempt is None else is_payment_method_exempt
        ),
    )
    await accounts_queries.update_account(db, after)
    old, new = ({name: getattr(one, name) for name in _STAFF_FIELDS} for one in (before, after))
    change = Change(action, "billing_account", str(workspace_id), workspace_id, old, new, reason=reason)
    await record_change(db, actor, change)


def _grant_change(action: str, grant: CreditGrant, after: Mapping[str, str], reason: str) -> Change:
    return Change(action, "credit", str(grant.id), grant.workspace_id, after=after, reason=reason)


ACCOUNT_FIELDS: Final = ("legal_name", "country", "tax_id")


@dataclass(frozen=True, slots=True)
class RunningPeriod:
    """The period that goes on, as if plan and numbers stayed until its end; without tax and credits. accrued: what it
    has cost until now. is_trial: the workspace is on trial, or was until it was suspended."""

    period: BillingPeriod
    currency: str
    statement: Statement
    usage_limit: Decimal | None
    accrued: AccruedBill
    is_trial: bool

    @property
    def usage(self) -> Decimal:
        """What usage costs so far, in the smallest unit."""
        return round_money(self.statement.usage, self.currency)

    @property
    def fee(self) -> Decimal:
        """The fee of the whole period."""
        return round_money(self.statement.fee, self.currency)

    @property
    def percentage_of_limit(self) -> float | None:
        """Usage in percent of the limit; None without one."""
        if self.usage_limit is None:
            return None
        if self.usage_limit == 0:
            return 100.0
        return float((self.usage * 100 / self.usage_limit).quantize(Decimal("0.1"), ROUND_HALF_UP))

    def by_resource(self) -> Mapping[str, tuple[Decimal, Decimal]]:
        """Quantity and exact price by resource type, in the order of the lines."""
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for line in self.statement.lines:
            quantity, price = sums.get(RESOURCE_TYPES[line.kind], (Decimal(0), Decimal(0)))
            sums[RESOURCE_TYPES[line.kind]] = (quantity + line.quantity, price + line.exact)
        return sums


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """An invoice with its lines and payments."""

    invoice: Invoice
    lines: list[InvoiceLine]
    payments: list[Payment]


class Billing:
    """Each method runs in the request's transaction, in the workspace's scope or the platform's. issuer: lines of the
    platform's name and address for invoices. fonts: files of further fonts for their PDF. sink: who collects them;
    None: the platform itself."""

    def __init__(
        self,
        *,
        platform: Platform,
        workspaces: Workspaces,
        email_queue: EmailQueue,
        issuer: Sequence[str],
        fonts: Sequence[Path] = (),
        sink: BillingSink | None = None,
    ) -> None:
        self.platform, self.issuer, self.fonts, self.sink = platform, issuer, fonts, sink
        self.workspaces, self._email_queue = workspaces, email_queue
        self.administration = BillingAdministration()

    async def get_running(self, db: Connection, workspace_id: UUID, now: datetime) -> RunningPeriod:
        """The period that goes on now, by roll-ups that are seconds old."""
        stored = await find_period(db, workspace_id, now)
        statement = await load_running_statement(db, workspace_id, stored.period, stored.currency)
        chosen = await accounts_queries.select_settings(db, workspace_id)
        accrued = await load_accrued_bill(db, stored, now)
        states = await accounts_queries.select_states(db, workspace_id, now, now)
        is_trial = bool(states) and states[-1].status == "trial"
        return RunningPeriod(stored.period, stored.currency, statement, chosen.usage_limit_monthly, accrued, is_trial)

    async def list_periods(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[PeriodSummary]:
        """Closed periods, newest first. Raises Invalid (code cursor_unknown)."""
        found = await periods_queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await periods_queries.count_closed(db, workspace_id))

    async def list_invoices(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[Invoice]:
        """Issued invoices, newest first. Raises Invalid (code cursor_unknown)."""
        found = await invoices_queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await invoices_queries.count_issued(db, workspace_id))

    async def get_invoice(self, db: Connection, workspace_id: UUID, invoice_id: UUID) -> InvoiceRecord:
        """An issued invoice. Raises NotFound (code invoice_not_found)."""
        invoice = await invoices_queries.select_invoice(db, invoice_id, workspace_id)
        if invoice is None or invoice.status == "draft":
            raise NotFound("There is no such invoice.", code="invoice_not_found")
        lines = await invoices_queries.select_lines(db, invoice_id, workspace_id)
        return InvoiceRecord(invoice, lines, await invoices_queries.select_payments(db, invoice_id, workspace_id))

    async def list_credits(self, db: Connection, workspace_id: UUID) -> list[CreditGrant]:
        """The workspace's credits, the newest first."""
        return await credits_queries.select_grants(db, workspace_id)

    async def list_alerts(self, db: Connection, workspace_id: UUID) -> tuple[list[SpendAlert], str]:
        """What the workspace was told of its spending limits, the newest first, and its currency."""
        account = await load_account(db, workspace_id)
        return await limits_queries.select_alerts(db, workspace_id), account.currency

    async def get_settings(self, db: Connection, workspace_id: UUID) -> tuple[BillingSettings, BillingAccount]:
        """Limits and addresses; the defaults if none were stored."""
        account = await load_account(db, workspace_id)
        return await accounts_queries.select_settings(db, workspace_id), account

    async def get_currency(self, db: Connection, workspace_id: UUID) -> str:
        """In which a workspace is billed."""
        return (await load_account(db, workspace_id)).currency

    async def change_settings(
        self, db: Connection, actor: Actor, workspace_id: UUID, values: Mapping[str, Any]
    ) -> tuple[BillingSettings, BillingAccount]:
        """Changes these fields of settings and account. Raises Invalid (codes amount_invalid,
        country_unknown)."""
        if values.get("country") is not None:
            require_countries([values["country"]], "country")
        await accounts_queries.insert_account(db, await load_account(db, workspace_id))
        account = await accounts_queries.select_account(db, workspace_id, lock=True)
        assert account is not None, "it was just inserted"
        if (limit := values.get("usage_limit_monthly")) is not None:
            require_exact(limit, account.currency, "usage_limit_monthly")
        chosen = await accounts_queries.select_settings(db, workspace_id)
        before = {name: getattr(account if name in ACCOUNT_FIELDS else chosen, name) for name in values}
        changed = {name: value for name, value in values.items() if value != before[name]}
        if changed:
            await self._store(db, account, changed)
            await record_change(db, actor, _settings_change(workspace_id, before, changed))
        return await self.get_settings(db, workspace_id)

    async def issue_invoice(self, db: Connection, invoice_id: UUID, now: datetime) -> Invoice | None:
        """Issues a draft of the platform's own, and has an e-mail sent if something is to be paid. None: it is issued
        already. Needs platform scope."""
        due_days = await self.platform.setting(db, "invoice_due_days")
        invoice = await invoices_service.issue_own(db, invoice_id, now, due_days)
        if invoice is not None and invoice.status == "pending":
            await self.notify(db, invoice, invoice_email)
        return invoice

    async def notify(self, db: Connection, invoice: Invoice, write: Callable[[str, Invoice, str], Email]) -> None:
        """Has an e-mail about an invoice sent. write: makes it of address, invoice and link."""
        to = await self.find_recipient(db, invoice.workspace_id)
        if to is not None:
            page = f"workspaces/{invoice.workspace_id}/billing/invoices/{invoice.id}"
            await self._email_queue.enqueue(db, write(to, invoice, self._email_queue.page(page)))

    async def find_recipient(self, db: Connection, workspace_id: UUID) -> str | None:
        """The address for invoices, else the longest-standing owner's."""
        chosen = await accounts_queries.select_settings(db, workspace_id)
        if chosen.billing_email:
            return chosen.billing_email
        owner = await self.workspaces.administration.owner(db, workspace_id)
        return owner.email if owner else None

    def page(self, path: str) -> str:
        """Returns the address of a page of the portal."""
        return self._email_queue.page(path)

    async def send(self, db: Connection, email: Email) -> None:
        """Sends an e-mail if the current transaction commits."""
        await self._email_queue.enqueue(db, email)

    async def _store(self, db: Connection, account: BillingAccount, changed: Mapping[str, Any]) -> None:
        of_account = {name: value for name, value in changed.items() if name in ACCOUNT_FIELDS}
        if of_account:
            await accounts_queries.update_account(db, replace(account, **of_account))
        others = {name: value for name, value in changed.items() if name not in ACCOUNT_FIELDS}
        if others:
            await accounts_queries.upsert_settings(db, account.workspace_id, others)


def _settings_change(workspace_id: UUID, before: Mapping[str, Any], changed: Mapping[str, Any]) -> Change:
    old = {name: _plain(before[name]) for name in changed}
    new = {name: _plain(value) for name, value in changed.items()}
    return Change("billing.settings", "billing_settings", str(workspace_id), workspace_id, old, new)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
