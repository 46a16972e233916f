"""What a workspace sees of its billing, and what it may change."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from pathlib import Path
from typing import Any, Final
from uuid import UUID

from control.accounts.email_delivery import Email, EmailQueue
from control.billing import (
    issuance,
    read_billed_workspaces,
    store_accounts,
    store_alerts,
    store_credits,
    store_invoices,
    store_payments,
    store_periods,
)
from control.billing.accounts import BillingAccount, BillingSettings, PeriodSummary, SpendAlert
from control.billing.accruals import AccruedBill, load_accrued_bill
from control.billing.administration import BillingAdministration, require_exact
from control.billing.closure import find_period, load_account
from control.billing.credits import CreditGrant
from control.billing.invoice_emails import invoice_email
from control.billing.invoices import Invoice, InvoiceLine, Payment
from control.billing.money import round_money
from control.billing.periods import BillingPeriod
from control.billing.sinks import BillingSink
from control.billing.statement import RESOURCE_TYPES, Statement
from control.billing.statements import load_running_statement
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform.audit import Actor, Change, record_change
from control.platform.service import Platform
from control.workspaces.countries import require_countries
from control.workspaces.service import Workspaces
from shared.errors import NotFound

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
        chosen = await store_accounts.select_settings(db, workspace_id)
        accrued = await load_accrued_bill(db, stored, now)
        states = await read_billed_workspaces.select_states(db, workspace_id, now, now)
        is_trial = bool(states) and states[-1].status == "trial"
        return RunningPeriod(stored.period, stored.currency, statement, chosen.usage_limit_monthly, accrued, is_trial)

    async def list_periods(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[PeriodSummary]:
        """Closed periods, newest first. Raises Invalid (code cursor_unknown)."""
        found = await store_periods.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store_periods.count_closed(db, workspace_id))

    async def list_invoices(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[Invoice]:
        """Issued invoices, newest first. Raises Invalid (code cursor_unknown)."""
        found = await store_invoices.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store_invoices.count_issued(db, workspace_id))

    async def get_invoice(self, db: Connection, workspace_id: UUID, invoice_id: UUID) -> InvoiceRecord:
        """An issued invoice. Raises NotFound (code invoice_not_found)."""
        invoice = await store_invoices.select_invoice(db, invoice_id, workspace_id)
        if invoice is None or invoice.status == "draft":
            raise NotFound("There is no such invoice.", code="invoice_not_found")
        lines = await store_invoices.select_lines(db, invoice_id, workspace_id)
        return InvoiceRecord(invoice, lines, await store_payments.select_payments(db, invoice_id, workspace_id))

    async def list_credits(self, db: Connection, workspace_id: UUID) -> list[CreditGrant]:
        """The workspace's credits, the newest first."""
        return await store_credits.select_grants(db, workspace_id)

    async def list_alerts(self, db: Connection, workspace_id: UUID) -> tuple[list[SpendAlert], str]:
        """What the workspace was told of its spending limits, the newest first, and its currency."""
        account = await load_account(db, workspace_id)
        return await store_alerts.select_alerts(db, workspace_id), account.currency

    async def get_settings(self, db: Connection, workspace_id: UUID) -> tuple[BillingSettings, BillingAccount]:
        """Limits and addresses; the defaults if none were stored."""
        account = await load_account(db, workspace_id)
        return await store_accounts.select_settings(db, workspace_id), account

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
        await store_accounts.insert_account(db, await load_account(db, workspace_id))
        account = await store_accounts.select_account(db, workspace_id, lock=True)
        assert account is not None, "it was just inserted"
        if (limit := values.get("usage_limit_monthly")) is not None:
            require_exact(limit, account.currency, "usage_limit_monthly")
        chosen = await store_accounts.select_settings(db, workspace_id)
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
        invoice = await issuance.issue_own(db, invoice_id, now, due_days)
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
        chosen = await store_accounts.select_settings(db, workspace_id)
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
            await store_accounts.update_account(db, replace(account, **of_account))
        others = {name: value for name, value in changed.items() if name not in ACCOUNT_FIELDS}
        if others:
            await store_accounts.upsert_settings(db, account.workspace_id, others)


def _settings_change(workspace_id: UUID, before: Mapping[str, Any], changed: Mapping[str, Any]) -> Change:
    old = {name: _plain(before[name]) for name in changed}
    new = {name: _plain(value) for name, value in changed.items()}
    return Change("billing.settings", "billing_settings", str(workspace_id), workspace_id, old, new)


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Decimal) else value
