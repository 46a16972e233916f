"""Response models of billing (client API)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from control.api.invoice_views import CreditFacts, InvoiceFacts, copy_fields
from control.billing.accounts.rules import BillingAccount, BillingSettings
from control.billing.credits.rules import CreditGrant
from control.billing.invoices.rules import Invoice, InvoiceLine, LineKind, Payment, PaymentKind
from control.billing.limits.rules import AlertKind, SpendAlert
from control.billing.periods.rules import PeriodStatus, PeriodSummary
from control.billing.service import InvoiceRecord, RunningPeriod
from control.http.body import Currency, Money
from control.http.fields import Id
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class CurrentPeriodView:
    """The period that goes on. subtotal, subscription_fee and total are what its invoice will have, without tax and
    credits, if plan and numbers stay until its end and nothing else is used: usage so far with the numbers of the whole
    period, the fee of the whole period, and both. usage_billed, fees_accrued and accrued_total are what these days have
    cost until now."""

    start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    subtotal: Annotated[
        Money,
        Field(
            description="Usage so far, after included minutes, with the numbers of the whole period; without "
            "tax, in major units.",
            examples=[101.5],
        ),
    ]
    subscription_fee: Annotated[
        Money, Field(description="The fee of the whole period, in major units.", examples=[49.0])
    ]
    total: Annotated[
        Money,
        Field(
            description="What the invoice will have before credits and tax, if nothing else is used: subtotal "
            "and subscription_fee.",
            examples=[150.5],
        ),
    ]
    usage_list_price: Annotated[
        Money,
        Field(
            description="Call minutes at list price, before included and trial minutes, in major units.",
            examples=[137.5],
        ),
    ]
    usage_billed: Annotated[
        Money,
        Field(
            description="Call minutes after included and trial minutes, and numbers, in major units.", examples=[101.5]
        ),
    ]
    fees_accrued: Annotated[
        Money, Field(description="The fees of the days that have begun, in major units.", examples=[24.5])
    ]
    accrued_total: Annotated[
        Money,
        Field(
            description="usage_billed and fees_accrued: what was used and accrued until now, in major units.",
            examples=[126.0],
        ),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class UsageLineView:
    """A part of the period's cost."""

    resource_type: Annotated[
        str, Field(description="Such as call_minutes; included_minutes and trial are negative.", examples=["stt"])
    ]
    quantity: Annotated[
        float,
        Field(
            description="Seconds of calls, days of numbers, the share of the period of a subscription.",
            examples=[93_100],
        ),
    ]
    cost: Annotated[Money, Field(description="Exact, in major units.", examples=[0.19])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingNow:
    """The running period."""

    current_period: Annotated[CurrentPeriodView, Field(description="The running period.")]
    usage_breakdown: Annotated[list[UsageLineView], Field(description="Parts of the cost.")]
    percentage_of_limit: Annotated[
        float | None,
        Field(description="Usage in percent of usage_limit_monthly; null without a limit.", examples=[42.5]),
    ]
    included_minutes: Annotated[
        float | None,
        Field(
            description="Minutes that the fee of the period includes; null on trial, whose minutes are all free.",
            examples=[500],
        ),
    ]


@dataclass(frozen=True, slots=True)
class PeriodView:
    """A closed period."""

    id: Id
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]
    period_end: Annotated[datetime, Field(description="When the period ends (UTC), exclusive.")]
    total_amount: Annotated[Money, Field(description="What was billed, with tax, in major units.", examples=[120.79])]
    currency: Currency
    status: Annotated[PeriodStatus, Field(description="Of its invoice; paid where nothing was to be billed.")]
    paid_at: Annotated[datetime | None, Field(description="When all of it was paid (UTC); null before.")]
    stripe_invoice_id: Annotated[
        str | None,
        Field(
            description="Id of the invoice at Stripe; null for one of the platform's own.",
            examples=["in_1Pq2Rs3Tu4Vw5Xy6"],
        ),
    ]


@dataclass(frozen=True, slots=True)
class PeriodList(ListAnswer):
    """A page of closed periods, newest first."""

    periods: list[PeriodView]


@dataclass(frozen=True, slots=True)
class InvoiceView(InvoiceFacts):
    """An invoice."""

    subtotal: Annotated[Money, Field(description="Without tax, in major units.", examples=[101.5])]
    tax: Annotated[
        Money, Field(description="Tax, in major units; of a tax line also where prices contain it.", examples=[19.29])
    ]
    amount_due: Annotated[Money, Field(description="What is still to be paid, in major units.", examples=[100.79])]
    invoice_pdf_url: Annotated[
        str | None,
        Field(
            description="Path of its PDF, for a browser; it needs no sign-in and is valid for one to two hours.",
            examples=["/billing/invoices/eyJhbGci…"],
        ),
    ]
    number: Annotated[
        str | None,
        Field(
            description="Number of the invoice; null for one that a sink has not numbered.", examples=["2026-000001"]
        ),
    ]


@dataclass(frozen=True, slots=True)
class InvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: Annotated[list[InvoiceView], Field(description="The invoices.")]


@dataclass(frozen=True, slots=True)
class InvoiceLineView:
    """A line."""

    id: Id
    kind: Annotated[LineKind, Field(description="What the line is for.")]
    description: Annotated[
        str, Field(description="For people.", examples=["Calls on plan Starter, 1 Nov 2026 to 30 Nov 2026"])
    ]
    quantity: Annotated[float, Field(description="How much, in `unit`.", examples=[93_100])]
    unit: Annotated[str, Field(description="Unit of the quantity; empty for a credit and a tax.", examples=["second"])]
    since: Annotated[datetime | None, Field(description="Begin of what it is for (UTC); null for a tax.")]
    until: Annotated[datetime | None, Field(description="End of what it is for (UTC); null for a tax.")]
    exact_amount: Annotated[Money, Field(description="Before it was rounded to amount.", examples=[24.0035])]
    amount: Annotated[
        Money, Field(description="Rounded, in major units; all lines add up to the invoice's.", examples=[24.0])
    ]
    tax: Annotated[
        Money, Field(description="Tax, in major units; of a tax line also where prices contain it.", examples=[19.29])
    ]
    currency: Currency
    is_adjustment: Annotated[bool, Field(description="Of a period that was billed before.")]


@dataclass(frozen=True, slots=True)
class PaymentView:
    """Money that was paid, or paid back (negative)."""

    kind: Annotated[PaymentKind, Field(description="Whether money was paid or paid back.")]
    amount: Annotated[Money, Field(description="In major units; negative if it was paid back.", examples=[20.0])]
    currency: Currency
    method: Annotated[str, Field(description="How the money moved.", examples=["bank_transfer"])]
    at: Annotated[datetime, Field(description="When (UTC).")]


@dataclass(frozen=True, slots=True)
class InvoiceDetails:
    """An invoice with its lines, whose amounts add up to the invoice's."""

    invoice: Annotated[InvoiceView, Field(description="The invoice.")]
    lines: list[InvoiceLineView]
    payments: list[PaymentView]


@dataclass(frozen=True, slots=True)
class CreditView(CreditFacts):
    """A credit of the workspace."""


@dataclass(frozen=True, slots=True)
class CreditList:
    """The workspace's credits, the newest first."""

    credits: Annotated[list[CreditView], Field(description="The credits.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


@dataclass(frozen=True, slots=True)
class SpendAlertView:
    """That the workspace was told of its spending limit."""

    id: Id
    kind: Annotated[AlertKind, Field(description="Whether the limit was near (threshold) or reached (limit).")]
    at: Annotated[datetime, Field(description="When it was noticed (UTC).")]
    usage_limit: Annotated[
        Money, Field(description="The limit then, or what prepaid credits had left, in major units.", examples=[200.0])
    ]
    spent: Annotated[Money, Field(description="What was used of it, in major units.", examples=[160.4])]
    currency: Currency
    alert_threshold_percentage: Annotated[
        int | None, Field(description="Percent of the limit at which to warn, as chosen then.", examples=[80])
    ]
    ends_calls: Annotated[bool | None, Field(description="Whether calls ended at the limit, and were refused.")]
    period_start: Annotated[datetime, Field(description="When the period began (UTC), inclusive.")]


@dataclass(frozen=True, slots=True)
class SpendAlertList:
    """What the workspace was told of its spending limits, the newest first."""

    alerts: Annotated[list[SpendAlertView], Field(description="The alerts.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


@dataclass(frozen=True, slots=True)
class BillingSettingsView:
    """Limits and addresses."""

    usage_limit_monthly: Annotated[
        Money | None,
        Field(description="Most money of usage in a period, without the fee; null for no limit.", examples=[200.0]),
    ]
    currency: Currency
    alert_threshold_percentage: Annotated[
        int, Field(description="Percent of the limit at which to warn.", examples=[80])
    ]
    auto_pause_on_limit: Annotated[
        bool, Field(description="Whether calls end at the limit; otherwise reaching it only warns.")
    ]
    payment_method_last4: Annotated[str | None, Field(description="Of the card, null without one.", examples=["4242"])]
    billing_email: Annotated[
        str | None, Field(description="Where invoices are sent; null for the owner.", examples=["billing@example.com"])
    ]
    legal_name: Annotated[
        str, Field(description="The name on invoices; empty: the workspace's name.", examples=["Riverside Dental GmbH"])
    ]
    country: Annotated[
        str | None, Field(description="Country whose taxes are on invoices; null for none.", examples=["DE"])
    ]
    tax_id: Annotated[str, Field(description="The customer's tax number; empty if none.", examples=["DE123456789"])]


@dataclass(frozen=True, slots=True)
class SetupView:
    """What a browser needs to give a card to Stripe."""

    setup_intent_id: Annotated[
        str, Field(description="Id of the SetupIntent at Stripe.", examples=["seti_1Pq2Rs3Tu4Vw5Xy6"])
    ]
    client_secret: Annotated[
        str, Field(description="For Stripe's JavaScript, once.", examples=["seti_1Pq2Rs3Tu4Vw5Xy6_secret_a1B2"])
    ]


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
