"""Routes of billing, for the staff."""

from datetime import UTC
from decimal import Decimal
from functools import partial
from typing import Annotated, Literal
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.admin.billing_views import (
    AdminCreditAnswer,
    AdminInvoiceAnswer,
    AdminInvoiceList,
    BalanceList,
    BillingOverviewView,
    ExemptionList,
    TaxRateAnswer,
    TaxRateList,
    TaxRateView,
    to_balance,
    to_credit,
    to_exemption,
    to_invoice,
    to_listing,
    to_overview,
)
from control.billing.accounts.rules import MOST_EXEMPTIONS, ExemptionRule
from control.billing.credits.rules import CreditCategory, CreditGrant, CreditScope
from control.billing.invoices.rules import InvoiceFilter, InvoiceStatus, PaymentNotice, PaymentStatus, TaxRate
from control.billing.payments.service import SinkAdministration
from control.billing.service import Billing
from control.http.access import admin
from control.http.after_commit import CheckedChange
from control.http.body import ONE_LINE, Body, Slug
from control.http.context import AdminContext
from control.http.fields import InvoiceId, WorkspaceId
from control.http.pagination import ListQuery, Query, UtcDatetime, page_fields
from control.http.route import RateLimit, Route
from shared.ids import new_id

BILLING = "/admin/billing"
INVOICE = f"{BILLING}/invoices/{{invoiceId}}"
READERS = admin("finance", "read_only")
WRITERS = admin("finance")
# Of one of the staff to the payment company.
_SINK_REQUESTS = RateLimit("sink-requests", 60, 60)

# Some currencies have units that are worth 0.00004 US dollars.
Amount = Annotated[Decimal, Field(gt=0, le=1_000_000_000, decimal_places=3)]
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=2_000)]
WhyExempt = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)]
Reference = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]


class OverviewQuery(Query):
    """The period: a calendar period in UTC, up to now."""

    period: Literal["month", "quarter", "year"] = Field("month", description="This month, quarter or year.")


class BalancesQuery(ListQuery):
    """Filters of the list."""

    status: PaymentStatus | None = Field(
        None, description="Only workspaces that owe nothing (paid), something (pending), or are late (overdue)."
    )


class AdminInvoicesQuery(ListQuery):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only invoices of this workspace.")
    status: InvoiceStatus | None = Field(
        None, description="Only invoices with this status; drafts, which are not issued, are listed only by it."
    )


class VoidReason(Body):
    """Why it is void, for the staff and the audit log."""

    reason: Annotated[Reason, Field(description="Why, for the staff and the audit log.", examples=["Payment overdue"])]


class PaymentBody(Body):
    """Money that came in, or was paid back. A payment with the same method and reference is recorded once."""

    amount: Amount | None = Field(None, description="In major units; left out: all that can be.", examples=[20.0])
    method: Slug = Field("bank_transfer", description="Such as bank_transfer or cash.", examples=["bank_transfer"])
    reference: Reference = Field("", description="What the bank calls it.", examples=["DE-2026-4711"])
    reason: Annotated[str, StringConstraints(strip_whitespace=True, max_length=2_000)] = Field(
        "", description="For the audit log.", examples=["Payment overdue"]
    )


class CreditBody(Body):
    """A credit. Invoices use credits by priority, then those that expire first."""

    amount: Annotated[Amount, Field(description="In major units.", examples=[50.0])]
    category: Annotated[
        CreditCategory,
        Field(description="Whether the credit was given away (promotional, goodwill) or paid for (prepaid)."),
    ] = "goodwill"
    applies_to: Annotated[CreditScope, Field(description="What it pays: usage only, or the fee, too.")] = "all"
    priority: int = Field(50, ge=0, le=100, description="0 to 100; the lowest is used first.", examples=[50])
    effective_at: UtcDatetime | None = Field(None, description="From when on it holds; left out: from now on.")
    expires_at: UtcDatetime | None = Field(None, description="Until when it holds; null: without end.")
    reason: Annotated[Reason, Field(description="Why, for the staff and the audit log.", examples=["Payment overdue"])]


class TaxRateBody(Body):
    """A rate from a moment on. 0 basis points end a tax."""

    country: Annotated[
        str, StringConstraints(pattern=r"^[A-Z]{2}$"), Field(description="Where it holds: ISO 3166.", examples=["DE"])
    ]
    name: Annotated[
        str,
        StringConstraints(strip_whitespace=True, min_length=1, max_length=40, pattern=ONE_LINE),
        Field(description="As invoices call it.", examples=["VAT"]),
    ]
    basis_points: int = Field(ge=0, le=10_000, description="Hundredths of a percent: 1900 is 19 %.", examples=[1900])
    is_inclusive: bool = Field(False, description="Whether prices contain the tax.")
    valid_from: Annotated[UtcDatetime, Field(description="From when on it holds (UTC).")]


class TaxExemption(Body):
    """Whether a workspace's invoices have no tax."""

    is_tax_exempt: Annotated[bool, Field(description="Whether the workspace's invoices have no tax.")]
    reason: WhyExempt = Field("", description="Why; needed to exempt the workspace.", examples=["Reverse charge"])


class Prepayment(Body):
    """Whether a workspace spends what it has paid before, and no more."""

    is_prepaid: Annotated[bool, Field(description="Whether the workspace's calls end when its credits are used up.")]


class PaymentMethodExemption(Body):
    """Whether a workspace buys phone numbers without a payment method."""

    is_payment_method_exempt: Annotated[
        bool, Field(description="Whether the workspace buys phone numbers without a payment method.")
    ]
    reason: WhyExempt = Field(
        "", description="Why; needed to exempt the workspace.", examples=["Pays by bank transfer"]
    )


class ExemptionsQuery(Query):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only exemptions of this workspace.")
    rule: ExemptionRule | None = Field(None, description="Only exemptions from this rule.")


async def get_billing_overview(context: AdminContext, query: OverviewQuery) -> BillingOverviewView:
    """Revenue, cost and profit of the period by tier, and what is open of invoices."""
    staff, today = context.services[Billing].administration, context.now.astimezone(UTC).date()
    return to_overview(await staff.get_overview(context.db, query.period, today))


async def list_balances(context: AdminContext, query: BalancesQuery) -> BalanceList:
    """Workspaces with what they owe, newest first."""
    staff = context.services[Billing].administration
    found = await staff.list_workspaces(context.db, query.status, page=query.request())
    return BalanceList([to_balance(one) for one in found.rows], **page_fields(query, found))


async def list_invoices(context: AdminContext, query: AdminInvoicesQuery) -> AdminInvoiceList:
    """Invoices of all workspaces, newest first."""
    wanted = InvoiceFilter(query.workspace_id, query.status)
    staff = context.services[Billing].administration
    found = await staff.list_invoices(context.db, wanted, page=query.request())
    return AdminInvoiceList([to_listing(one) for one in found.rows], **page_fields(query, found))


async def void_invoice(
    context: AdminContext, invoice_id: InvoiceId, body: VoidReason
) -> CheckedChange[AdminInvoiceAnswer]:
    """Declares an issued invoice that is not paid void. Its charges are given up, its credits are free again."""
    sink = SinkAdministration(context.services[Billing].sink)
    external_id = await sink.find_open(context.db, invoice_id)

    async def save(again: AdminContext) -> AdminInvoiceAnswer:
        staff = again.services[Billing].administration
        invoice = await staff.void_invoice(again.db, again.actor, invoice_id, body.reason, again.now)
        return AdminInvoiceAnswer(to_invoice(invoice))

    return CheckedChange(partial(sink.void, external_id, body.reason) if external_id else None, save)


async def record_payment(
    context: AdminContext, invoice_id: InvoiceId, body: PaymentBody
) -> CheckedChange[AdminInvoiceAnswer]:
    """Records a payment; an invoice is paid once all of it came in. One that Stripe has is paid as a whole."""
    sink = SinkAdministration(context.services[Billing].sink)
    external_id = await sink.find_open(context.db, invoice_id)
    if external_id is not None:
        await sink.require_whole(context.db, invoice_id, body.amount)

    async def save(again: AdminContext) -> AdminInvoiceAnswer:
        staff = again.services[Billing].administration
        invoice = await staff.record_payment(again.db, again.actor, invoice_id, _notice(body), again.now)
        return AdminInvoiceAnswer(to_invoice(invoice))

    return CheckedChange(partial(sink.settle, external_id) if external_id else None, save)


async def refund_payment(context: AdminContext, invoice_id: InvoiceId, body: PaymentBody) -> AdminInvoiceAnswer:
    """Records that money was paid back. That of an invoice at Stripe is paid back to the card, and shown then."""
    billing = context.services[Billing]
    found = await SinkAdministration(billing.sink).order_refund(
        context.db, context.actor, invoice_id, _notice(body), context.now
    )
    if found is None:
        staff = billing.administration
        found = await staff.refund(context.db, context.actor, invoice_id, _notice(body), context.now)
    return AdminInvoiceAnswer(to_invoice(found))


async def resume_invoice(context: AdminContext, invoice_id: InvoiceId) -> AdminInvoiceAnswer:
    """Has an invoice issued or charged again that Stripe refused, once the cause is removed."""
    sink = SinkAdministration(context.services[Billing].sink)
    return AdminInvoiceAnswer(to_invoice(await sink.resume(context.db, context.actor, invoice_id, context.now)))


async def grant_credit(context: AdminContext, workspace_id: WorkspaceId, body: CreditBody) -> AdminCreditAnswer:
    """Grants a workspace a credit, which its next invoices use up."""
    currency = await context.services[Billing].get_currency(context.db, workspace_id)
    grant = CreditGrant(
        id=UUID(new_id()),
        workspace_id=workspace_id,
        amount=body.amount,
        currency=currency,
        category=body.category,
        applies_to=body.applies_to,
        priority=body.priority,
        effective_at=body.effective_at or context.now,
        expires_at=body.expires_at,
        reason=body.reason,
        granted_by=context.admin_id,
        created_at=context.now,
    )
    staff = context.services[Billing].administration
    return AdminCreditAnswer(to_credit(await staff.grant_credit(context.db, context.actor, grant)))


async def void_credit(
    context: AdminContext, credit_id: Annotated[UUID, Field(description="Id of the credit.")], body: VoidReason
) -> AdminCreditAnswer:
    """Ends a credit; what invoices took from it stays."""
    staff = context.services[Billing].administration
    return AdminCreditAnswer(
        to_credit(await staff.void_credit(context.db, context.actor, credit_id, body.reason, context.now))
    )


async def list_tax_rates(context: AdminContext) -> TaxRateList:
    """All tax rates."""
    rates = await context.services[Billing].administration.list_tax_rates(context.db)
    return TaxRateList([_to_rate(rate) for rate in rates], has_more=False)


async def add_tax_rate(context: AdminContext, body: TaxRateBody) -> TaxRateAnswer:
    """Adds a version of a tax rate; invoices of periods that end from then on have it."""
    rate = TaxRate(0, body.country, body.name, body.basis_points, body.is_inclusive, body.valid_from)
    staff = context.services[Billing].administration
    return TaxRateAnswer(_to_rate(await staff.add_tax_rate(context.db, context.actor, rate, context.now)))


async def set_tax_exemption(context: AdminContext, workspace_id: WorkspaceId, body: TaxExemption) -> None:
    """Says whether a workspace's invoices have no tax, such as under reverse charge."""
    staff = context.services[Billing].administration
    await staff.set_tax_exempt(context.db, context.actor, workspace_id, body.is_tax_exempt, body.reason, context.now)


async def list_exemptions(context: AdminContext, query: ExemptionsQuery) -> ExemptionList:
    """Workspaces to which a rule does not apply, who exempted them and why, newest first."""
    staff = context.services[Billing].administration
    found = await staff.list_exemptions(context.db, query.workspace_id, query.rule)
    return ExemptionList([to_exemption(one) for one in found], has_more=len(found) == MOST_EXEMPTIONS)


async def set_prepayment(context: AdminContext, workspace_id: WorkspaceId, body: Prepayment) -> None:
    """Says whether a workspace pays in advance: its calls end when its credits are used up."""
    staff = context.services[Billing].administration
    await staff.set_prepaid(context.db, context.actor, workspace_id, body.is_prepaid)


async def set_payment_method_exemption(
    context: AdminContext, workspace_id: WorkspaceId, body: PaymentMethodExemption
) -> None:
    """Says whether a workspace buys phone numbers without a payment method, such as one that pays by bank transfer."""
    staff = context.services[Billing].administration
    await staff.set_payment_method_exempt(
        context.db, context.actor, workspace_id, body.is_payment_method_exempt, body.reason, context.now
    )


def _notice(body: PaymentBody) -> PaymentNotice:
    return PaymentNotice(body.amount, body.method, body.reference, body.reason)


def _to_rate(rate: TaxRate) -> TaxRateView:
    return TaxRateView(**{name: getattr(rate, name) for name in TaxRateView.__slots__})


ROUTES: tuple[Route, ...] = (
    Route("GET", f"{BILLING}/overview", get_billing_overview, READERS),
    Route("GET", f"{BILLING}/workspaces", list_balances, READERS),
    Route("GET", f"{BILLING}/invoices", list_invoices, READERS),
    Route("POST", f"{INVOICE}/void", void_invoice, WRITERS, check_limit=_SINK_REQUESTS),
    Route(
        "POST",
        f"{INVOICE}/payments",
        record_payment,
        WRITERS,
        idempotent=True,
        check_limit=_SINK_REQUESTS,
        beyond_spec=True,
    ),
    Route("POST", f"{INVOICE}/refunds", refund_payment, WRITERS, idempotent=True, beyond_spec=True),
    Route("POST", f"{INVOICE}/resume", resume_invoice, WRITERS, beyond_spec=True),
    Route(
        "POST",
        f"{BILLING}/workspaces/{{workspaceId}}/credits",
        grant_credit,
        WRITERS,
        status=201,
        idempotent=True,
        beyond_spec=True,
    ),
    Route("POST", f"{BILLING}/credits/{{creditId}}/void", void_credit, WRITERS, beyond_spec=True),
    Route("GET", f"{BILLING}/tax-rates", list_tax_rates, READERS, beyond_spec=True),
    Route("POST", f"{BILLING}/tax-rates", add_tax_rate, WRITERS, status=201, idempotent=True, beyond_spec=True),
    Route("GET", f"{BILLING}/exemptions", list_exemptions, READERS, beyond_spec=True),
    Route("PUT", f"{BILLING}/workspaces/{{workspaceId}}/tax-exemption", set_tax_exemption, WRITERS, beyond_spec=True),
    Route("PUT", f"{BILLING}/workspaces/{{workspaceId}}/prepayment", set_prepayment, WRITERS, beyond_spec=True),
    Route(
        "PUT",
        f"{BILLING}/workspaces/{{workspaceId}}/payment-method-exemption",
        set_payment_method_exemption,
        WRITERS,
        beyond_spec=True,
    ),
)
