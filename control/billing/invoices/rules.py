"""Records of invoices, lines and payments, and the composition of a period's invoice.

An invoice contains a period's statement, corrections of previously billed periods, credits and taxes. Every line is
rounded once. The total is the sum of the lines' amounts.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Final, Literal
from uuid import UUID
from zoneinfo import ZoneInfo

from control.billing.credits.rules import CreditGrant, use_credits
from control.billing.money import round_money
from control.billing.periods.rules import (
    CHARGE_KINDS,
    USAGE_KINDS,
    BillingPeriod,
    Statement,
    StatementKind,
    StatementLine,
)

# --- Stored invoices -----------------------------------------------------------------------------------------------
# Value of `sink` for invoices that the platform issues itself. Customers pay them by bank transfer, and staff record
# the payments.
OWN: Literal["own"] = "own"
# draft: the period is closed, but the invoice is not issued yet. pending: issued. overdue: not paid by `due_at`.
InvoiceStatus = Literal["draft", "pending", "paid", "overdue", "void", "uncollectible"]
PaymentKind = Literal["payment", "refund"]
# Payment status of a workspace. pending: an invoice is open. overdue: an invoice is overdue. paid: all invoices are
# paid.
PaymentStatus = Literal["paid", "pending", "overdue"]
LineKind = Literal[StatementKind, "credit", "tax"]
PDF_TYPE: Final = "application/pdf"
_ZERO: Final = Decimal(0)
_INSTANT = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Invoice:
    """An invoice of a workspace.

    Attributes:
        number: None before the invoice is issued.
        sink: The payment company that issues the invoice, or OWN.
        amount: The total: subtotal (without tax) plus tax.
        customer_…, timezone: The values at the time when the period was closed.
    """

    id: UUID
    workspace_id: UUID
    billing_period_id: UUID | None
    number: str | None
    sink: str
    stripe_invoice_id: str | None
    status: InvoiceStatus
    currency: str
    subtotal: Decimal
    tax: Decimal
    amount: Decimal
    amount_paid: Decimal
    amount_refunded: Decimal
    period_start: datetime
    period_end: datetime
    timezone: str
    customer_name: str
    customer_country: str | None
    customer_tax_id: str
    invoice_pdf_url: str | None
    issued_at: datetime | None
    due_at: datetime | None
    paid_at: datetime | None
    voided_at: datetime | None
    voided_why: str | None
    created_at: datetime

    @property
    def amount_due(self) -> Decimal:
        """Return the amount that is still to be paid."""
        is_open = self.status in ("pending", "overdue")
        return self.amount - self.amount_paid + self.amount_refunded if is_open else self.amount * 0


@dataclass(frozen=True, slots=True, kw_only=True)
class InvoiceLine:
    """A stored invoice line, with the fields of DraftLine.

    Attributes:
        tax_rate: Id of the rate, only for a tax line.
    """

    id: UUID
    position: int
    kind: LineKind
    key: str
    is_adjustment: bool
    description: str
    billing_period_id: UUID | None
    since: datetime | None
    until: datetime | None
    tier_name: str | None
    plan_version: int | None
    phone_number_id: UUID | None
    grant_id: UUID | None
    tax_rate: int | None
    quantity: Decimal
    unit: str
    exact: Decimal
    amount: Decimal
    tax: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Payment:
    """A payment or refund of an invoice.

    Attributes:
        amount: Negative for a refund.
        reference: Reference of the bank or the payment company.
    """

    id: UUID
    workspace_id: UUID
    invoice_id: UUID
    kind: PaymentKind
    amount: Decimal
    currency: str
    method: str
    reference: str = ""
    reason: str = ""
    recorded_by: UUID | None = None
    at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceRecord:
    """An invoice with its lines and payments."""

    invoice: Invoice
    lines: list[InvoiceLine]
    payments: list[Payment]


@dataclass(frozen=True, slots=True)
class InvoiceDocument:
    """The content of an invoice's PDF.

    Attributes:
        issuer: Lines of the platform's name, address, tax id and bank account.
        fonts: Files of additional fonts, by preference.
    """

    issuer: Sequence[str]
    invoice: Invoice
    lines: Sequence[InvoiceLine]
    payments: Sequence[Payment]
    fonts: Sequence[Path] = ()

    @property
    def letters(self) -> set[str]:
        """Return the letters of all texts that people entered."""
        texts = (self.invoice.customer_name, self.invoice.customer_tax_id, *self.issuer)
        return set().union(*texts, *(line.description for line in self.lines))


@dataclass(frozen=True, slots=True)
class InvoiceListing:
    """An invoice in the staff's list.

    Attributes:
        workspace_name: The current name; after a purge of the workspace, the name on the invoice.
    """

    invoice: Invoice
    workspace_name: str


@dataclass(frozen=True, slots=True)
class InvoiceFilter:
    """Filters of the staff's list of invoices.

    Attributes:
        status: None selects all invoices except drafts.
    """

    workspace_id: UUID | None = None
    status: InvoiceStatus | None = None


@dataclass(frozen=True, slots=True)
class PaymentNotice:
    """A payment or refund that staff report.

    Attributes:
        amount: Positive, also for a refund; None for the whole open amount.
    """

    amount: Decimal | None
    method: str
    reference: str
    reason: str


# --- Taxes ---------------------------------------------------------------------------------------------------------
WHOLE: Final = 10_000


@dataclass(frozen=True, slots=True)
class TaxRate:
    """A version of a country's tax rate.

    Attributes:
        basis_points: Hundredths of a percent.
        is_inclusive: Whether prices contain the tax.
    """

    id: int
    country: str
    name: str
    basis_points: int
    is_inclusive: bool
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class TaxAmount:
    """A tax on an invoice.

    Attributes:
        tax: Amount owed to the tax authority.
        added: Amount added to the invoice's total; 0 if prices contain the tax.
    """

    rate: TaxRate
    tax: Decimal
    added: Decimal


def find_rates(rates: Iterable[TaxRate], country: str | None, at: datetime) -> list[TaxRate]:
    """Return the rates of a country at a time, ordered by name; none without a country.

    A rate of 0 basis points ends a tax and is left out.
    """
    newest: dict[str, TaxRate] = {}
    for rate in sorted(rates, key=lambda rate: rate.valid_from):
        if rate.country == country and rate.valid_from <= at:
            newest[rate.name] = rate
    return [rate for _, rate in sorted(newest.items()) if rate.basis_points]


def compute_taxes(taxable: Decimal, rates: Sequence[TaxRate], currency: str) -> list[TaxAmount]:
    """Return the tax of each rate.

    Rates do not apply to one another. Inclusive taxes are subtracted first; the other rates apply to the rest, the net.

    Args:
        taxable: The sum of an invoice's lines after credits.
    """
    inclusive = sum(rate.basis_points for rate in rates if rate.is_inclusive)
    net = taxable * WHOLE / (WHOLE + inclusive)
    amounts = []
    for rate in rates:
        tax = round_money(net * rate.basis_points / WHOLE, currency)
        amounts.append(TaxAmount(rate, tax, round_money(Decimal(0), currency) if rate.is_inclusive else tax))
    return amounts


# --- The invoice of a period ---------------------------------------------------------------------------------------
# Key of the line that moves a negative total to a credit grant.
CARRIED_OVER: Final = "credit/carried-over"
# Key of the line that takes back credits from late rows, if a void invoice already gave up these charges.
GIVEN_UP: Final = "credit/given-up"


@dataclass(frozen=True, slots=True, kw_only=True)
class DraftLine:
    """A line of an invoice before it is stored.

    Attributes:
        period_id: The period whose ledger rows the line bills; None for taxes.
        is_adjustment: Whether the period was already billed.
        exact: Exact amount as in the ledger, with nine decimal places.
        amount: Amount rounded to the currency's smallest unit.
        tax: Tax of a tax line, even if prices contain the tax and the amount is 0.
    """

    kind: LineKind
    key: str
    period_id: UUID | None = None
    is_adjustment: bool = False
    since: datetime | None = None
    until: datetime | None = None
    quantity: Decimal = Decimal(1)
    unit: str = ""
    exact: Decimal
    amount: Decimal
    tax: Decimal = _ZERO
    tier_name: str | None = None
    plan_version: int | None = None
    phone_number_id: UUID | None = None
    phone_number: str = ""
    grant_id: UUID | None = None
    tax_rate: TaxRate | None = None


@dataclass(frozen=True, slots=True)
class BilledLine:
    """The sum of what invoices have billed under one key of a period."""

    line: StatementLine
    exact: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True)
class BilledPeriod:
    """A period that earlier invoices billed.

    Attributes:
        now: The period's statement from the current ledger.
        billed: Billed amounts by key.
        given_up: Charges that void invoices gave up, less the charges that later lines took back.
    """

    id: UUID
    period: BillingPeriod
    now: Statement
    billed: Mapping[str, BilledLine]
    given_up: Decimal = _ZERO


@dataclass(frozen=True, slots=True)
class InvoiceDraft:
    """An invoice before it is stored.

    Attributes:
        subtotal: Amount without tax.
        total: Sum of all amounts.
        carried_over: The credit to grant because the sum of the other lines is negative.
    """

    lines: tuple[DraftLine, ...]
    currency: str
    subtotal: Decimal
    tax: Decimal
    total: Decimal
    carried_over: Decimal


def draft_invoice(
    period_id: UUID,
    period: BillingPeriod,
    statement: Statement,
    *,
    earlier: Iterable[BilledPeriod] = (),
    grants: Iterable[CreditGrant] = (),
    rates: Sequence[TaxRate] = (),
    currency: str,
) -> InvoiceDraft:
    """Draft the invoice of a period that has ended.

    Args:
        earlier: Periods that were already billed, for adjustments.
        grants: Credits of the workspace in this currency.
        rates: Tax rates that apply to the customer.
    """
    charges = [_charge(period_id, line, currency) for line in statement.lines]
    for billed in earlier:
        charges += _adjustments(billed, currency)
    credits = list(_credit_lines(period_id, period, charges, grants))
    lines, carried = _carry_over(period_id, period, [*charges, *credits], currency)
    taxable = _sum(lines)
    taxes = [
        DraftLine(
            kind="tax",
            key=f"tax/{added.rate.id}",
            exact=added.added,
            amount=added.added,
            tax=added.tax,
            tax_rate=added.rate,
        )
        for added in compute_taxes(taxable, rates, currency)
    ]
    tax = sum((line.tax for line in taxes), _ZERO)
    total = taxable + _sum(taxes)
    return InvoiceDraft((*lines, *taxes), currency, total - tax, tax, total, carried)


def _charge(period_id: UUID, line: StatementLine, currency: str, *, is_adjustment: bool = False) -> DraftLine:
    return DraftLine(
        kind=line.kind,
        key=line.key,
        period_id=period_id,
        is_adjustment=is_adjustment,
        since=line.since,
        until=line.until,
        quantity=line.quantity,
        unit=line.unit,
        exact=line.exact,
        amount=round_money(line.exact, currency),
        tier_name=line.tier_name,
        plan_version=line.plan_version,
        phone_number_id=line.phone_number_id,
        phone_number=line.phone_number,
    )


def _adjustments(period: BilledPeriod, currency: str) -> list[DraftLine]:
    """Return the lines that correct a billed period.

    A void invoice gave up its charges, so they are not credited again.
    """
    lines = [_charge(period.id, line, currency, is_adjustment=True) for line in _differences(period)]
    taken_back = min(-sum((line.exact for line in lines), _ZERO), period.given_up)
    if taken_back > 0:
        lines.append(
            DraftLine(
                kind="credit",
                key=GIVEN_UP,
                period_id=period.id,
                is_adjustment=True,
                since=period.period.start,
                until=period.period.end,
                exact=taken_back,
                amount=round_money(taken_back, currency),
            )
        )
    return lines


def _differences(period: BilledPeriod) -> Iterator[StatementLine]:
    """Yield the statement less the billed amounts, by key. Billed amounts that left the statement are negative."""
    now = {line.key: line for line in period.now.lines}
    for key in dict.fromkeys((*now, *period.billed)):
        billed = period.billed.get(key)
        line = now[key] if key in now else replace(period.billed[key].line, exact=_ZERO, quantity=_ZERO)
        if billed is not None:
            line = replace(line, exact=line.exact - billed.exact, quantity=line.quantity - billed.quantity)
        if line.exact or (line.quantity and line.kind in ("minutes", "included")):
            yield line


def _credit_lines(
    period_id: UUID, period: BillingPeriod, charges: Sequence[DraftLine], grants: Iterable[CreditGrant]
) -> Iterator[DraftLine]:
    usage = _sum(line for line in charges if line.kind in USAGE_KINDS)
    for use in use_credits(grants, usage, _sum(charges), period.start, period.end):
        yield DraftLine(
            kind="credit",
            key=f"credit/{use.grant.id}",
            period_id=period_id,
            since=period.start,
            until=period.end,
            exact=-use.amount,
            amount=-use.amount,
            grant_id=use.grant.id,
        )


def _carry_over(
    period_id: UUID, period: BillingPeriod, lines: Sequence[DraftLine], currency: str
) -> tuple[list[DraftLine], Decimal]:
    """Move a negative sum to a credit for the next invoices. Return all lines and the credit."""
    missing = -_sum(lines)
    if missing <= 0:
        return list(lines), round_money(_ZERO, currency)
    carried = DraftLine(
        kind="credit",
        key=CARRIED_OVER,
        period_id=period_id,
        since=period.start,
        until=period.end,
        exact=missing,
        amount=missing,
    )
    return [*lines, carried], missing


def _sum(lines: Iterable[DraftLine]) -> Decimal:
    return sum((line.amount for line in lines), _ZERO)


# --- Descriptions of lines -----------------------------------------------------------------------------------------
def describe_line(line: DraftLine, timezone: str) -> str:
    """Describe a line in English, with dates in the period's time zone."""
    text = _subject(line)
    if line.since is not None and line.until is not None and line.kind != "credit":
        text += f", {format_days(line.since, line.until, timezone)}"
    return f"{text} (correction)" if line.is_adjustment else text


def _subject(line: DraftLine) -> str:
    match line.kind:
        case "credit":
            names = {CARRIED_OVER: "Carried over to the next invoice", GIVEN_UP: "Given up before"}
            return names.get(line.key, "Credit")
        case "tax":
            rate = line.tax_rate
            assert rate is not None, "a tax line has a rate"
            percent = f"{rate.basis_points / 100:g} %"
            return f"{rate.name} {percent}, included" if rate.is_inclusive else f"{rate.name} {percent}"
        case kind:
            tier = (line.tier_name or "").replace("_", " ").capitalize()
            return CHARGE_KINDS[kind].name.format(tier=tier, phone_number=line.phone_number).strip()


def format_days(since: datetime, until: datetime, timezone: str) -> str:
    """Format the first and the last day of a time span, or a single day if they are equal."""
    zone = ZoneInfo(timezone)
    first, last = since.astimezone(zone), (until - _INSTANT).astimezone(zone)
    ends = f"{last.day} {last:%b %Y}"
    return ends if first.date() == last.date() else f"{first.day} {first:%b %Y} to {ends}"
