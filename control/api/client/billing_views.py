"""Response models of billing (client API)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from control.api.invoice_views import CreditFacts, InvoiceFacts, copy_fields
from control.billing.accounts import AlertKind, BillingAccount, BillingSettings, PeriodStatus, PeriodSummary, SpendAlert
from control.billing.credits import CreditGrant
from control.billing.invoice_draft import LineKind
from control.billing.invoices import Invoice, InvoiceLine, Payment, PaymentKind
from control.billing.service import InvoiceRecord, RunningPeriod
from control.http.body import Currency, Money
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class CurrentPeriodView:
    """The period that goes on. subtotal, subscription_fee and total are what its invoice will have, without tax and
    credits, if plan and numbers stay until its end and nothing else is used: usage so far with the numbers of the whole
    period, the fee of the whole period, and both. usage_billed, fees_accrued and accrued_total are what these days have
    cost until now."""

    start: datetime
    end: datetime
    subtotal: Money
    subscription_fee: Money
    total: Money
    usage_list_price: Money
    usage_billed: Money
    fees_accrued: Money
    accrued_total: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class UsageLineView:
    """A part of the period's cost. resource_type: such as call_minutes; included_minutes and trial are negative.
    quantity: seconds of calls, days of numbers, the share of the period of a subscription. cost: exact, in major
    units."""

    resource_type: str
    quantity: float
    cost: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingNow:
    """The running period. percentage_of_limit: usage in percent of usage_limit_monthly; null without a limit.
    included_minutes: of the whole period; null on trial, whose minutes are all free."""

    current_period: CurrentPeriodView
    usage_breakdown: list[UsageLineView]
    percentage_of_limit: float | None
    included_minutes: float | None


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed period. status: of its invoice; paid where nothing was to be billed."""

    id: UUID
    period_start: datetime
    period_end: datetime
    total_amount: Money
    currency: Currency
    status: PeriodStatus
    paid_at: datetime | None
    stripe_invoice_id: str | None


@dataclass(frozen=True, slots=True)
class PeriodList(ListAnswer):
    """A page of closed periods, newest first."""

    periods: list[PeriodView]


@dataclass(frozen=True, slots=True)
class InvoiceView(InvoiceFacts):
    """An invoice. amount: with tax. invoice_pdf_url: path of its PDF, for a browser; it needs no
    sign-in and is valid for one to two hours."""

    subtotal: Money
    tax: Money
    amount_due: Money
    invoice_pdf_url: str | None


@dataclass(frozen=True, slots=True)
class InvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: list[InvoiceView]


@dataclass(frozen=True, slots=True)
class InvoiceLineView:
    """A line. exact_amount: before it was rounded to amount. is_adjustment: of a period that was billed before."""

    id: UUID
    kind: LineKind
    description: str
    quantity: float
    unit: str
    since: datetime | None
    until: datetime | None
    exact_amount: Money
    amount: Money
    tax: Money
    currency: Currency
    is_adjustment: bool


@dataclass(frozen=True, slots=True)
class PaymentView:
    """Money that was paid, or paid back (negative)."""

    kind: PaymentKind
    amount: Money
    currency: Currency
    method: str
    at: datetime


@dataclass(frozen=True, slots=True)
class InvoiceDetails:
    """An invoice with its lines, whose amounts add up to the invoice's."""

    invoice: InvoiceView
    lines: list[InvoiceLineView]
    payments: list[PaymentView]


@dataclass(frozen=True, slots=True)
class CreditView(CreditFacts):
    """A credit of the workspace. balance: what is left. priority: the lowest is used first."""


@dataclass(frozen=True, slots=True)
class CreditList:
    """The workspace's credits, the newest first."""

    credits: list[CreditView]
    has_more: bool


@dataclass(frozen=True, slots=True)
class SpendAlertView:
    """That the workspace was told of its spending limit. kind: threshold where alert_threshold_percentage of the limit
    was used, limit where all of it was. ends_calls: whether calls ended at the limit, and were refused."""

    id: UUID
    kind: AlertKind
    at: datetime
    usage_limit: Money
    spent: Money
    currency: Currency
    alert_threshold_percentage: int | None
    ends_calls: bool | None
    period_start: datetime


@dataclass(frozen=True, slots=True)
class SpendAlertList:
    """What the workspace was told of its spending limits, the newest first."""

    alerts: list[SpendAlertView]
    has_more: bool


@dataclass(frozen=True, slots=True)
class BillingSettingsView:
    """Limits and addresses. payment_method_last4: of the card, null without one."""

    usage_limit_monthly: Money | None
    currency: Currency
    alert_threshold_percentage: int
    auto_pause_on_limit: bool
    payment_method_last4: str | None
    billing_email: str | None
    legal_name: str
    country: str | None
    tax_id: str


@dataclass(frozen=True, slots=True)
class SetupView:
    """What a browser needs to give a card to Stripe. client_secret: for Stripe's JavaScript, once."""

    setup_intent_id: str
    client_secret: str


def to_now(running: RunningPeriod) -> BillingNow:
    period = CurrentPeriodView(
        start=running.period.start,
        end=running.period.end,
        subtotal=running.usage,
        subscription_fee=running.fee,
        total=running.usage + running.fee,
        usage_list_price=running.accrued.list_price,
        usage_billed=running.accrued.usage,
        fees_accrued=running.accrued.fees,
        accrued_total=running.accrued.total,
        currency=running.currency,
    )
    breakdown = [
        UsageLineView(kind, float(quantity), cost, running.currency)
        for kind, (quantity, cost) in running.by_resource().items()
    ]
    included = None if running.is_trial else round(float(running.statement.included_seconds / 60), 1)
    return BillingNow(period, breakdown, running.percentage_of_limit, included)


def to_period(one: PeriodSummary) -> PeriodView:
    return PeriodView(
        id=one.id,
        period_start=one.period_start,
        period_end=one.period_end,
        total_amount=one.total_amount,
        currency=one.currency,
        status=one.status,
        paid_at=one.paid_at,
        stripe_invoice_id=one.stripe_invoice_id,
    )


def to_invoice(invoice: Invoice, url: str) -> InvoiceView:
    """url: of the invoice."""
    return copy_fields(InvoiceView, invoice, invoice_pdf_url=invoice.invoice_pdf_url or url)


def to_details(record: InvoiceRecord, url: str) -> InvoiceDetails:
    """url: of the invoice."""
    currency = record.invoice.currency
    return InvoiceDetails(
        to_invoice(record.invoice, url),
        [_to_line(line, currency) for line in record.lines],
        [_to_payment(one) for one in record.payments],
    )


def to_credit(grant: CreditGrant) -> CreditView:
    return copy_fields(CreditView, grant)


def to_settings(chosen: BillingSettings, account: BillingAccount) -> BillingSettingsView:
    return BillingSettingsView(
        usage_limit_monthly=chosen.usage_limit_monthly,
        currency=account.currency,
        alert_threshold_percentage=chosen.alert_threshold_percentage,
        auto_pause_on_limit=chosen.auto_pause_on_limit,
        payment_method_last4=chosen.payment_method_last4,
        billing_email=chosen.billing_email,
        legal_name=account.legal_name,
        country=account.country,
        tax_id=account.tax_id,
    )


def to_alert(alert: SpendAlert, currency: str) -> SpendAlertView:
    """An alert as the API shows it."""
    return SpendAlertView(
        id=alert.id,
        kind=alert.kind,
        at=alert.at,
        usage_limit=alert.usage_limit,
        spent=alert.spent,
        currency=currency,
        alert_threshold_percentage=alert.threshold_percentage,
        ends_calls=alert.ends_calls,
        period_start=alert.period_start,
    )


def _to_line(line: InvoiceLine, currency: str) -> InvoiceLineView:
    return InvoiceLineView(
        id=line.id,
        kind=line.kind,
        description=line.description,
        quantity=float(line.quantity),
        unit=line.unit,
        since=line.since,
        until=line.until,
        exact_amount=Decimal(line.exact),
        amount=line.amount,
        tax=line.tax,
        currency=currency,
        is_adjustment=line.is_adjustment,
    )


def _to_payment(payment: Payment) -> PaymentView:
    return PaymentView(payment.kind, payment.amount, payment.currency, payment.method, payment.at)
