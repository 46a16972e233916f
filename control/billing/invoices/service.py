"""Closes periods that have ended and manages their invoices: issued without gaps in numbers, then paid, overdue or
void.

Closing is one transaction: the statement from the ledger, the invoice with its lines as a draft, and the ledger's rows
for the fee, numbers, included minutes and credits. It happens completely or not at all, and a repetition finds the
period closed. Afterwards the sum of a period's ledger rows equals the sum of all its invoice lines, without taxes, to
the last digit.

Rows that reach the ledger later become adjusting lines of the next invoice, for up to `RECHECKED` periods.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final
from uuid import UUID
from zoneinfo import ZoneInfo

import structlog

from control.accounts.emails.service import Email
from control.analytics.rollups.service import WorkspaceDay, mark_days
from control.audit.service import Actor, Change, record_change
from control.billing.accounts import queries as accounts_queries
from control.billing.accounts.rules import BillingAccount
from control.billing.accounts.service import BillingMail
from control.billing.credits import queries as credits_queries
from control.billing.credits.rules import CreditGrant
from control.billing.invoices import queries
from control.billing.invoices.emails import invoice_email
from control.billing.invoices.rules import (
    CARRIED_OVER,
    OWN,
    BilledPeriod,
    DraftLine,
    Invoice,
    InvoiceDocument,
    InvoiceDraft,
    InvoiceFilter,
    InvoiceLine,
    InvoiceListing,
    InvoiceRecord,
    Payment,
    PaymentNotice,
    TaxRate,
    describe_line,
    draft_invoice,
    find_rates,
)
from control.billing.ledger import queries as ledger_queries
from control.billing.ledger.rules import PeriodCharge
from control.billing.money import require_exact
from control.billing.periods import queries as periods_queries
from control.billing.periods.rules import PASSED_ON_KINDS, RESOURCE_TYPES, BillingPeriod, Statement, StoredPeriod
from control.billing.periods.service import load_statement
from control.billing.prices import queries as prices_queries
from control.billing.prices.rules import RateHistory, round_amount
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.outbound_webhooks.event_types import InvoiceEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from control.platform.service import Platform
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id

# Number of closed periods that are recomputed when the next period closes. The ledger refuses rows of calls older than
# 40 days, so two periods are enough; the third covers an outage of the workers.
RECHECKED: Final = 3
_INSTANT: Final = timedelta(microseconds=1)
log = structlog.get_logger()
_OPEN: Final = ("pending", "overdue")
_ZERO: Final = Decimal(0)


# --- Closing a period ----------------------------------------------------------------------------------------------
@dataclass(frozen=True, slots=True)
class ClosedPeriod:
    """The result of closing a period.

    Attributes:
        invoice_id: None if there was nothing to bill.
    """

    workspace_id: UUID
    invoice_id: UUID | None


@dataclass(frozen=True, slots=True)
class _Computation:
    """The computed invoice of a period that is being closed.

    Attributes:
        starts: The beginning of each period that the lines bill, by period id.
    """

    draft: InvoiceDraft
    statement: Statement
    starts: Mapping[UUID, datetime]


async def close_period(db: Connection, period_id: UUID, now: datetime) -> ClosedPeriod | None:
    """Close a period that has ended. Needs platform scope.

    Returns None if the period is already closed, or if an earlier period of the workspace is open.
    """
    stored = await periods_queries.lock_open(db, period_id)
    if stored is None or stored.period.end > now:
        return None
    account = await accounts_queries.select_account(db, stored.workspace_id, lock=True)
    if account is None or await periods_queries.has_open_before(db, stored.workspace_id, stored.period.start):
        return None
    computed = await _compute(db, stored, account)
    invoice_id = await _store(db, stored, account, computed, now) if computed.draft.lines else None
    await periods_queries.close(
        db,
        stored.id,
        status="pending" if invoice_id else "paid",
        fee=computed.statement.fee,
        usage=computed.statement.usage,
        total=computed.draft.total,
        unpriced=computed.statement.unpriced,
        now=now,
    )
    return ClosedPeriod(stored.workspace_id, invoice_id)


async def _compute(db: Connection, stored: StoredPeriod, account: BillingAccount) -> _Computation:
    workspace_id, period = stored.workspace_id, stored.period
    statement = await load_statement(db, workspace_id, period, stored.currency)
    grants = [
        grant for grant in await credits_queries.lock_grants(db, workspace_id) if grant.currency == stored.currency
    ]
    earlier = await _earlier(db, stored)
    draft = draft_invoice(
        stored.id,
        period,
        statement,
        earlier=earlier,
        grants=grants,
        rates=await _rates(db, account, period.end),
        currency=stored.currency,
    )
    return _Computation(
        draft, statement, {stored.id: period.start} | {billed.id: billed.period.start for billed in earlier}
    )


async def _earlier(db: Connection, stored: StoredPeriod) -> list[BilledPeriod]:
    closed = await periods_queries.select_closed_before(db, stored.workspace_id, stored.period.start, RECHECKED)
    return [
        BilledPeriod(
            before.id,
            before.period,
            await load_statement(db, before.workspace_id, before.period, before.currency),
            await queries.select_billed(db, before.id),
            await queries.select_given_up(db, before.id),
        )
        for before in closed
    ]


async def _rates(db: Connection, account: BillingAccount, at: datetime) -> list[TaxRate]:
    if account.country is None or account.is_tax_exempt:
        return []
    return find_rates(await queries.select_tax_rates(db, account.country), account.country, at)


async def _store(
    db: Connection, stored: StoredPeriod, account: BillingAccount, computed: _Computation, now: datetime
) -> UUID:
    """Store the invoice, its lines, the ledger's rows, and the credit that is carried over."""
    draft, rates = computed.draft, await prices_queries.load_rates(db, stored.currency)
    facts = await accounts_queries.select_facts(db, stored.workspace_id)
    name = account.legal_name or (facts.name if facts else "")
    invoice = _make_invoice(stored, account, draft, name, now)
    lines = [_make_line(number, line, draft, stored.period) for number, line in enumerate(draft.lines, 1)]
    await queries.insert_invoice(db, invoice, lines)
    charges = [
        _make_charge(line, stored.period, _cost_of(line, rates, computed.starts))
        for line in lines
        if line.kind in RESOURCE_TYPES and line.kind != "minutes"
    ]
    await ledger_queries.insert_charges(db, stored.workspace_id, charges)
    await mark_days(db, [WorkspaceDay(stored.workspace_id, charge.at.astimezone(UTC).date()) for charge in charges])
    if draft.carried_over:
        await credits_queries.insert_grant(db, _carried_over(stored, draft, now))
    return invoice.id


def _make_invoice(
    stored: StoredPeriod, account: BillingAccount, draft: InvoiceDraft, name: str, now: datetime
) -> Invoice:
    return Invoice(
        id=UUID(new_id()),
        workspace_id=stored.workspace_id,
        billing_period_id=stored.id,
        number=None,
        sink=OWN,
        stripe_invoice_id=None,
        status="draft",
        currency=draft.currency,
        subtotal=draft.subtotal,
        tax=draft.tax,
        amount=draft.total,
        amount_paid=Decimal(0),
        amount_refunded=Decimal(0),
        period_start=stored.period.start,
        period_end=stored.period.end,
        timezone=stored.period.timezone,
        customer_name=name,
        customer_country=account.country,
        customer_tax_id=account.tax_id,
        invoice_pdf_url=None,
        issued_at=None,
        due_at=None,
        paid_at=None,
        voided_at=None,
        voided_why=None,
        created_at=now,
    )


def _make_line(position: int, line: DraftLine, draft: InvoiceDraft, period: BillingPeriod) -> InvoiceLine:
    return InvoiceLine(
        id=UUID(new_id()),
        position=position,
        kind=line.kind,
        key=line.key,
        is_adjustment=line.is_adjustment,
        description=describe_line(line, period.timezone),
        billing_period_id=line.period_id,
        since=line.since,
        until=line.until,
        tier_name=line.tier_name,
        plan_version=line.plan_version,
        phone_number_id=line.phone_number_id,
        grant_id=line.grant_id,
        tax_rate=line.tax_rate.id if line.tax_rate else None,
        quantity=line.quantity,
        unit=line.unit,
        exact=line.exact,
        amount=line.amount,
        tax=line.tax,
    )


def _cost_of(line: InvoiceLine, rates: RateHistory, starts: Mapping[UUID, datetime]) -> Decimal:
    """Return our cost of a line in US dollars: the customer's price if the cost is passed on, otherwise 0."""
    if line.kind not in PASSED_ON_KINDS or line.billing_period_id is None:
        return Decimal(0)
    return rates.to_usd(line.exact, starts[line.billing_period_id])


def _make_charge(line: InvoiceLine, period: BillingPeriod, cost: Decimal) -> PeriodCharge:
    """Create the ledger row of a line. Its time is the last moment of the line, which lies in the billed period."""
    return PeriodCharge(
        at=(line.until or period.end) - _INSTANT,
        resource_type=RESOURCE_TYPES[line.kind],
        quantity=line.quantity,
        unit=line.unit,
        cost=cost,
        price=line.exact,
        is_adjustment=line.is_adjustment,
        line_id=line.id,
    )


def _carried_over(stored: StoredPeriod, draft: InvoiceDraft, now: datetime) -> CreditGrant:
    return CreditGrant(
        id=UUID(new_id()),
        workspace_id=stored.workspace_id,
        amount=draft.carried_over,
        currency=draft.currency,
        category="prepaid",
        applies_to="all",
        priority=0,
        effective_at=stored.period.end,
        expires_at=None,
        reason=CARRIED_OVER,
        created_at=now,
    )


# --- Issued invoices -----------------------------------------------------------------------------------------------
async def issue_own(db: Connection, invoice_id: UUID, now: datetime, due_days: int) -> Invoice | None:
    """Give a draft its number and make it due. Needs platform scope.

    Returns None if the invoice is already issued, or if a payment company issues it. The number series is the year in
    the customer's time zone, as tax offices require. An invoice with a total of 0 is paid immediately.
    """
    draft = await queries.select_invoice(db, invoice_id, lock=True)
    if draft is None or draft.status != "draft" or draft.sink != OWN:
        return None
    series = f"{now.astimezone(ZoneInfo(draft.timezone)):%Y}"
    number = f"{series}-{await queries.take_number(db, series):06}"
    is_paid = draft.amount == 0
    issued = replace(
        draft,
        number=number,
        status="paid" if is_paid else "pending",
        issued_at=now,
        due_at=now + timedelta(days=due_days),
        paid_at=now if is_paid else None,
    )
    await save_state(db, issued)
    return issued


async def mark_overdue(db: Connection, now: datetime, most: int) -> list[Invoice]:
    """Mark pending invoices as overdue whose due time has passed, and return them. Needs platform scope."""
    late = [replace(invoice, status="overdue") for invoice in await queries.lock_overdue(db, now, most)]
    for invoice in late:
        await save_state(db, invoice)
    return late


async def void_invoice(db: Connection, actor: Actor, invoice_id: UUID, reason: str, now: datetime) -> Invoice:
    """Void an issued invoice: its charges are given up and reversed in the ledger, and its credits become usable again.

    Raises NotFound and Conflict (code invoice_not_open).
    """
    invoice = await lock_invoice(db, invoice_id)
    if invoice.status == "void":
        return invoice
    if invoice.status not in _OPEN or invoice.amount_paid > invoice.amount_refunded:
        raise Conflict(
            "Only an invoice that is issued and unpaid can be voided. Refund a paid invoice.", code="invoice_not_open"
        )
    void = replace(invoice, status="void", voided_at=now, voided_why=reason)
    await save_state(db, void)
    await _reverse(db, invoice, Decimal(1))
    await _audit(db, actor, "invoice.void", invoice, void, reason)
    return void


async def lock_invoice(db: Connection, invoice_id: UUID) -> Invoice:
    """Return an invoice, locked until the transaction ends.

    Raises NotFound (code invoice_not_found). Needs platform scope.
    """
    invoice = await queries.select_invoice(db, invoice_id, lock=True)
    if invoice is None:
        raise NotFound("This invoice does not exist.", code="invoice_not_found")
    return invoice


async def save_state(db: Connection, invoice: Invoice) -> None:
    """Store an invoice's state with its event, and set its period to this state. The invoice must be locked."""
    await store_state(db, invoice)
    if invoice.billing_period_id is not None and invoice.status in ("pending", "paid", "overdue", "void"):
        await periods_queries.update_status(db, invoice.billing_period_id, invoice.status)


async def store_state(db: Connection, invoice: Invoice) -> None:
    """Store an invoice's state with its event for the customer's systems. The invoice must be locked.

    Drafts have no event, because customers do not see them.
    """
    await queries.update_state(db, invoice)
    if invoice.status == "draft":
        return
    data = InvoiceEventData(
        invoice_id=invoice.id,
        number=invoice.number,
        status=invoice.status,
        amount=invoice.amount,
        amount_paid=invoice.amount_paid,
        currency=invoice.currency,
        due_at=invoice.due_at,
    )
    fact = ReportedFact(invoice.workspace_id, "invoice.updated", invoice.id, datetime.now(UTC), data)
    await report_facts(db, [fact])


async def _reverse(db: Connection, invoice: Invoice, share: Decimal) -> None:
    """Reverse a share of each line in the ledger, in the period that the line billed."""
    charges = [
        PeriodCharge(
            at=(line.until or invoice.period_end) - _INSTANT,
            resource_type="credit",
            quantity=Decimal(1),
            unit="invoice",
            cost=_ZERO,
            price=-round_amount(line.exact * share),
            is_adjustment=True,
            line_id=line.id,
        )
        for line in await queries.select_lines(db, invoice.id, invoice.workspace_id)
        if line.kind != "tax" and line.exact
    ]
    await ledger_queries.insert_charges(db, invoice.workspace_id, charges)
    await mark_days(db, [WorkspaceDay(invoice.workspace_id, charge.at.date()) for charge in charges])


# --- Payments and refunds ------------------------------------------------------------------------------------------
def make_payment(
    invoice: Invoice, amount: Decimal, method: str, at: datetime, *, reference: str = "", by: UUID | None = None
) -> Payment:
    """Create a payment for an invoice, or a refund if the amount is negative."""
    return Payment(
        id=UUID(new_id()),
        workspace_id=invoice.workspace_id,
        invoice_id=invoice.id,
        kind="payment" if amount > 0 else "refund",
        amount=amount,
        currency=invoice.currency,
        method=method,
        reference=reference,
        recorded_by=by,
        at=at,
    )


async def record_payment(db: Connection, actor: Actor, payment: Payment) -> Invoice:
    """Record a payment. The invoice is paid if nothing is left to pay.

    A repetition with an equal method and reference changes nothing. Raises NotFound, Conflict (codes invoice_not_open,
    reference_used) and Invalid (code amount_too_high).
    """
    invoice = await lock_invoice(db, payment.invoice_id)
    if not await _insert(db, payment):
        return invoice
    if invoice.status not in _OPEN:
        raise Conflict(f"This invoice has nothing to pay: it is {invoice.status}.", code="invoice_not_open")
    if payment.amount > invoice.amount_due:
        raise Invalid(
            f"The payment exceeds the open amount of {invoice.amount_due}.", param="amount", code="amount_too_high"
        )
    paid = replace(invoice, amount_paid=invoice.amount_paid + payment.amount)
    if paid.amount_due == 0:
        paid = replace(paid, status="paid", paid_at=payment.at)
    await save_state(db, paid)
    await _audit(db, actor, "invoice.payment", invoice, paid, payment.reason)
    return paid


async def record_manual_payment(
    db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
) -> Invoice:
    """Record a payment that staff report. Without an amount, the whole open amount is paid.

    Raises the errors of `record_payment`.
    """
    invoice = await lock_invoice(db, invoice_id)
    amount = invoice.amount_due if notice.amount is None else require_exact(notice.amount, invoice.currency)
    if not amount:
        raise Conflict(f"This invoice has nothing to pay: it is {invoice.status}.", code="invoice_not_open")
    payment = make_payment(invoice, amount, notice.method, now, reference=notice.reference, by=actor.id)
    return await record_payment(db, actor, replace(payment, reason=notice.reason))


async def refund_payment(db: Connection, actor: Actor, refund: Payment) -> Invoice:
    """Record a refund, which is a payment with a negative amount.

    A paid invoice stays paid. If an invoice was partly paid, the amount is due again. Raises NotFound, Conflict (codes
    invoice_not_paid, reference_used) and Invalid (code amount_too_high).
    """
    invoice = await lock_invoice(db, refund.invoice_id)
    if not await _insert(db, refund):
        return invoice
    left = invoice.amount_paid - invoice.amount_refunded
    if left <= 0:
        raise Conflict("This invoice has no payment that can be refunded.", code="invoice_not_paid")
    if -refund.amount > left:
        raise Invalid(f"At most {left} can be refunded.", param="amount", code="amount_too_high")
    refunded = replace(invoice, amount_refunded=invoice.amount_refunded - refund.amount)
    await save_state(db, refunded)
    await _audit(db, actor, "invoice.refund", invoice, refunded, refund.reason)
    return refunded


async def record_manual_refund(
    db: Connection, actor: Actor, invoice_id: UUID, notice: PaymentNotice, now: datetime
) -> Invoice:
    """Record a refund that staff report. Without an amount, everything that was paid is refunded.

    Raises the errors of `refund_payment`.
    """
    invoice = await lock_invoice(db, invoice_id)
    left = invoice.amount_paid - invoice.amount_refunded
    amount = left if notice.amount is None else require_exact(notice.amount, invoice.currency)
    if not amount:
        raise Conflict("This invoice has no payment that can be refunded.", code="invoice_not_paid")
    refund = make_payment(invoice, -amount, notice.method, now, reference=notice.reference, by=actor.id)
    return await refund_payment(db, actor, replace(refund, reason=notice.reason))


async def credit_invoice(db: Connection, actor: Actor, credit: Payment) -> Invoice:
    """Record a credit note, which reduces the open amount of an invoice.

    Its share of the charges is given up and reversed in the ledger. Raises the errors of `record_payment`.
    """
    invoice = await lock_invoice(db, credit.invoice_id)
    credited = await record_payment(db, actor, credit)
    await _reverse(db, invoice, credit.amount / invoice.amount)
    return credited


async def cancel_credit(db: Connection, actor: Actor, cancelled: Payment) -> Invoice:
    """Record that a credit note was voided, so that its amount is due again. Raises the errors of `refund_payment`.

    Args:
        cancelled: The negative of the credit note.
    """
    invoice = await lock_invoice(db, cancelled.invoice_id)
    due = await refund_payment(db, actor, cancelled)
    await _reverse(db, invoice, cancelled.amount / invoice.amount)
    return due


async def cancel_refund(db: Connection, actor: Actor, returned: Payment) -> Invoice:
    """Record that a refund was returned, because the customer's bank did not accept it.

    A repetition with an equal method and reference changes nothing. Raises NotFound and Conflict (code reference_used).
    """
    invoice = await lock_invoice(db, returned.invoice_id)
    if not await _insert(db, returned):
        return invoice
    after = replace(invoice, amount_refunded=invoice.amount_refunded - returned.amount)
    await save_state(db, after)
    await _audit(db, actor, "invoice.cancel_refund", invoice, after, returned.reason)
    return after


async def _insert(db: Connection, payment: Payment) -> bool:
    """Insert a payment. Return False if it is already recorded.

    Raises Invalid, and Conflict if it is recorded with another amount.
    """
    if payment.amount == 0:
        raise Invalid("The amount is 0.", param="amount", code="amount_too_low")
    if await queries.insert_payment(db, payment):
        return True
    recorded = await queries.select_amount(db, payment)
    if recorded != payment.amount:
        message = f"The reference {payment.reference!r} already belongs to {recorded}. Use another reference."
        raise Conflict(message, code="reference_used", param="reference")
    return False


async def _audit(db: Connection, actor: Actor, action: str, before: Invoice, after: Invoice, reason: str) -> None:
    old, new = _audited(before), _audited(after)
    await record_change(
        db, actor, Change(action, "invoice", str(after.id), after.workspace_id, old, new, reason or None)
    )


def _audited(invoice: Invoice) -> dict[str, str]:
    return {
        "status": invoice.status,
        "amount_paid": str(invoice.amount_paid),
        "amount_refunded": str(invoice.amount_refunded),
    }


# --- Lists ---------------------------------------------------------------------------------------------------------
async def load_invoice(db: Connection, workspace_id: UUID, invoice_id: UUID) -> InvoiceRecord:
    """Return an issued invoice with its lines and payments. Raises NotFound (code invoice_not_found)."""
    invoice = await queries.select_invoice(db, invoice_id, workspace_id)
    if invoice is None or invoice.status == "draft":
        raise NotFound("This invoice does not exist.", code="invoice_not_found")
    lines = await queries.select_lines(db, invoice_id, workspace_id)
    return InvoiceRecord(invoice, lines, await queries.select_payments(db, invoice_id, workspace_id))


async def list_invoices(db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[Invoice]:
    """Return a page of the workspace's issued invoices, newest first. Raises Invalid (code cursor_unknown)."""
    found = await queries.select_page(db, workspace_id, page)
    if page.cursor is not None:
        return found
    return found.with_total(await queries.count_issued(db, workspace_id))


async def list_all_invoices(db: Connection, wanted: InvoiceFilter, *, page: PageRequest) -> ListPage[InvoiceListing]:
    """Return a page of the invoices of all workspaces, newest first. Raises Invalid (code cursor_unknown)."""
    found = await queries.select_listings(db, wanted, page)
    if page.cursor is not None:
        return found
    return found.with_total(await queries.count_listings(db, wanted))


# --- Tax rates -----------------------------------------------------------------------------------------------------
async def add_tax_rate(db: Connection, actor: Actor, rate: TaxRate, now: datetime) -> TaxRate:
    """Add a version of a tax rate. Raises Conflict (code tax_rate_exists)."""
    stored = await queries.insert_tax_rate(db, rate, now)
    if stored is None:
        raise Conflict("A rate for this country, name and time already exists.", code="tax_rate_exists")
    after = {"basis_points": rate.basis_points, "is_inclusive": rate.is_inclusive}
    await record_change(db, actor, Change("tax_rate.add", "tax_rate", f"{rate.country} {rate.name}", after=after))
    return stored


# --- E-mails and documents -----------------------------------------------------------------------------------------
class Invoices:
    """Issues the platform's own invoices, and notifies their payers.

    Args:
        issuer: Lines of the platform's name and address.
        fonts: Files of additional fonts for the PDF.
    """

    def __init__(
        self, platform: Platform, mail: BillingMail, issuer: Sequence[str], fonts: Sequence[Path] = ()
    ) -> None:
        self.platform, self.mail = platform, mail
        self._issuer, self._fonts = issuer, fonts

    async def issue(self, db: Connection, invoice_id: UUID, now: datetime) -> Invoice | None:
        """Issue a draft of the platform's own, and send an e-mail if it has something to pay. Needs platform scope.

        Returns None if the invoice is already issued.
        """
        due_days = await self.platform.setting(db, "invoice_due_days")
        invoice = await issue_own(db, invoice_id, now, due_days)
        if invoice is not None and invoice.status == "pending":
            await self.notify(db, invoice, invoice_email)
        return invoice

    async def notify(self, db: Connection, invoice: Invoice, write: Callable[[str, Invoice, str], Email]) -> None:
        """Send an e-mail about an invoice.

        Args:
            write: Creates the e-mail from the address, the invoice and a link.
        """
        page = f"invoices/{invoice.id}"
        await self.mail.send(db, invoice.workspace_id, page, lambda to, link: write(to, invoice, link))

    def make_document(self, record: InvoiceRecord) -> InvoiceDocument:
        """Return the content of the invoice's PDF."""
        return InvoiceDocument(self._issuer, record.invoice, record.lines, record.payments, self._fonts)
