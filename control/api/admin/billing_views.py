"""Response models of billing (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.analytics.platform_figures import cost_warning
from control.api.admin.analytics_views import to_parts
from control.api.invoice_views import CreditFacts, InvoiceFacts, copy_fields
from control.billing.accounts.rules import ExemptionRule, ListedExemption
from control.billing.credits.rules import CreditGrant
from control.billing.figures.rules import BillingOverview, WorkspaceBalance
from control.billing.invoices.rules import Invoice, InvoiceListing, PaymentStatus
from control.http.body import Currency, Money
from control.http.fields import Name, TierName, WorkspaceId
from control.http.pagination import ListAnswer
from control.platform.model import CURRENCY


@dataclass(frozen=True, slots=True)
class TierRevenueView:
    """What the workspaces of a tier were charged in the period."""

    tier: TierName
    workspaces_count: Annotated[int, Field(description="Not deleted ones that have it now.", examples=[2])]
    revenue: Annotated[Money, Field(description="usage_billed and fees_accrued, in major units.", examples=[980.0])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class PaymentStatusView:
    """Money of invoices."""

    paid: Annotated[
        Money, Field(description="What came in, less what was paid back, in major units.", examples=[4100.0])
    ]
    pending: Annotated[Money, Field(description="What is to be paid and not late, in major units.", examples=[900.0])]
    overdue: Annotated[Money, Field(description="What is late, in major units.", examples=[49.0])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingOverviewView:
    """Money of the period."""

    total_revenue: Annotated[
        Money, Field(description="Billed usage and accrued fees, without tax and before credits.", examples=[1520.4])
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
    credits: Annotated[
        Money, Field(description="What invoices took from credits, negative, in major units.", examples=[-20.0])
    ]
    total_cost: Annotated[Money, Field(description="What it cost us, in major units.", examples=[812.4])]
    profit: Annotated[Money, Field(description="The difference.", examples=[708.0])]
    unpriced: Annotated[
        int, Field(description="Entries of calls without a known cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[str | None, Field(description="It is too high, because costs are unknown.", examples=[None])]
    currency: Currency
    by_tier: list[TierRevenueView]
    payment_status: Annotated[PaymentStatusView, Field(description="Money of invoices.")]


@dataclass(frozen=True, slots=True)
class WorkspaceBalanceView:
    """What a workspace owes."""

    workspace_id: WorkspaceId
    name: Name
    current_balance: Annotated[Money, Field(description="What is open of its invoices.", examples=[120.79])]
    currency: Currency
    payment_status: Annotated[
        PaymentStatus, Field(description="Whether it owes nothing (paid), something (pending), or is late (overdue).")
    ]
    last_payment_date: Annotated[datetime | None, Field(description="Null before the first one.")]


@dataclass(frozen=True, slots=True)
class BalanceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: Annotated[list[WorkspaceBalanceView], Field(description="The workspaces that the user is a member of.")]


@dataclass(frozen=True, slots=True)
class AdminInvoiceView(InvoiceFacts):
    """An invoice."""

    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    voided_at: Annotated[datetime | None, Field(description="When it was declared void (UTC); null while it is not.")]
    voided_why: Annotated[
        str | None, Field(description="Why it is void; null while it is not.", examples=["Billed to the wrong company"])
    ]


@dataclass(frozen=True, slots=True)
class AdminInvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: Annotated[list[AdminInvoiceView], Field(description="The invoices.")]


@dataclass(frozen=True, slots=True)
class AdminInvoiceAnswer:
    """An invoice."""

    invoice: Annotated[AdminInvoiceView, Field(description="The invoice.")]


@dataclass(frozen=True, slots=True)
class AdminCreditView(CreditFacts):
    """A credit."""

    workspace_id: WorkspaceId
    voided_at: Annotated[datetime | None, Field(description="When it was declared void (UTC); null while it is not.")]
    reason: Annotated[str, Field(description="For the staff.", examples=["Payment overdue"])]


@dataclass(frozen=True, slots=True)
class AdminCreditAnswer:
    """A credit."""

    credit: Annotated[AdminCreditView, Field(description="The credit.")]


@dataclass(frozen=True, slots=True)
class TaxRateView:
    """A version of a tax rate."""

    id: Annotated[int, Field(description="Number of the version.", examples=[7])]
    country: Annotated[str, Field(description="Where it holds: ISO 3166.", examples=["DE"])]
    name: Annotated[str, Field(description="As invoices call it.", examples=["VAT"])]
    basis_points: Annotated[int, Field(description="Hundredths of a percent.", examples=[1900])]
    is_inclusive: Annotated[bool, Field(description="Prices contain the tax.")]
    valid_from: Annotated[datetime, Field(description="From when on it holds (UTC).")]


@dataclass(frozen=True, slots=True)
class ExemptionView:
    """A workspace to which a rule does not apply."""

    id: Annotated[UUID, Field(description="Id of the exemption.")]
    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    rule: Annotated[ExemptionRule, Field(description="What does not apply to the workspace.")]
    reason: Annotated[
        str, Field(description="Why; empty where it was not recorded.", examples=["Pays by bank transfer"])
    ]
    granted_by: Annotated[
        str | None,
        Field(
            description="E-mail address of the administrator; null where it was not recorded.",
            examples=["ops@example.com"],
        ),
    ]
    granted_at: Annotated[datetime, Field(description="When the workspace was exempted (UTC).")]


@dataclass(frozen=True, slots=True)
class ExemptionList:
    """Exemptions, newest first."""

    exemptions: Annotated[list[ExemptionView], Field(description="The exemptions.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


@dataclass(frozen=True, slots=True)
class TaxRateList:
    """All versions of tax rates, by country and name."""

    tax_rates: Annotated[list[TaxRateView], Field(description="The tax rates.")]
    has_more: Annotated[bool, Field(description="Whether more rows follow.")]


@dataclass(frozen=True, slots=True)
class TaxRateAnswer:
    """A tax rate."""

    tax_rate: Annotated[TaxRateView, Field(description="The tax rate.")]


def to_overview(found: BillingOverview) -> BillingOverviewView:
    return BillingOverviewView(
        total_revenue=found.revenue,
        **to_parts(found.parts),
        total_cost=found.cost,
        profit=found.revenue - found.cost,
        unpriced=found.unpriced,
        warning=cost_warning(found.unpriced),
        currency=CURRENCY,
        by_tier=[TierRevenueView(one.tier, one.workspaces, one.revenue, CURRENCY) for one in found.by_tier],
        payment_status=PaymentStatusView(found.paid, found.pending, found.overdue, CURRENCY),
    )


def to_balance(one: WorkspaceBalance) -> WorkspaceBalanceView:
    return WorkspaceBalanceView(one.workspace_id, one.name, one.balance, one.currency, one.status, one.last_payment)


def to_listing(one: InvoiceListing) -> AdminInvoiceView:
    return to_invoice(one.invoice, one.workspace_name)


def to_invoice(invoice: Invoice, workspace_name: str = "") -> AdminInvoiceView:
    return copy_fields(AdminInvoiceView, invoice, workspace_name=workspace_name or invoice.customer_name)


def to_credit(grant: CreditGrant) -> AdminCreditView:
    return copy_fields(AdminCreditView, grant)


def to_exemption(listed: ListedExemption) -> ExemptionView:
    """An exemption as the API shows it."""
    return copy_fields(ExemptionView, listed.exemption, workspace_name=listed.workspace_name)
