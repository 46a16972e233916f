"""Response models of billing (admin API)."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from control.analytics.platform_figures import cost_warning
from control.api.admin.analytics_views import to_parts
from control.api.invoice_views import CreditFacts, InvoiceFacts, copy_fields
from control.billing.credits import CreditGrant
from control.billing.exemptions import ExemptionRule, ListedExemption
from control.billing.invoices import Invoice, InvoiceListing, PaymentStatus
from control.billing.model import CURRENCY, BillingOverview, WorkspaceBalance
from control.http.body import Currency, Money
from control.http.pagination import ListAnswer


@dataclass(frozen=True, slots=True)
class TierRevenueView:
    """What the workspaces of a tier were charged in the period. workspaces_count: not deleted ones that have it now."""

    tier: str
    workspaces_count: int
    revenue: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class PaymentStatusView:
    """Money of invoices. paid: what came in during the period, less what was paid back; pending, overdue: what is open
    now."""

    paid: Money
    pending: Money
    overdue: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingOverviewView:
    """Money of the period. total_revenue: billed usage and accrued fees, without tax and before credits. total_cost:
    what providers, carriers and numbers cost us. profit: the difference; warning: it is too high, because costs are
    unknown."""

    total_revenue: Money
    usage_list_price: Money
    usage_billed: Money
    fees_accrued: Money
    credits: Money
    total_cost: Money
    profit: Money
    unpriced: int
    warning: str | None
    currency: Currency
    by_tier: list[TierRevenueView]
    payment_status: PaymentStatusView


@dataclass(frozen=True, slots=True)
class WorkspaceBalanceView:
    """What a workspace owes. current_balance: what is open of its invoices. last_payment_date: null before the first
    one."""

    workspace_id: UUID
    name: str
    current_balance: Money
    currency: Currency
    payment_status: PaymentStatus
    last_payment_date: datetime | None


@dataclass(frozen=True, slots=True)
class BalanceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: list[WorkspaceBalanceView]


@dataclass(frozen=True, slots=True)
class AdminInvoiceView(InvoiceFacts):
    """An invoice. amount: with tax."""

    workspace_id: UUID
    workspace_name: str
    voided_at: datetime | None
    voided_why: str | None


@dataclass(frozen=True, slots=True)
class AdminInvoiceList(ListAnswer):
    """A page of invoices, newest first."""

    invoices: list[AdminInvoiceView]


@dataclass(frozen=True, slots=True)
class AdminInvoiceAnswer:
    """An invoice."""

    invoice: AdminInvoiceView


@dataclass(frozen=True, slots=True)
class AdminCreditView(CreditFacts):
    """A credit. balance: what is left. priority: the lowest is used first. reason: for the staff."""

    workspace_id: UUID
    voided_at: datetime | None
    reason: str


@dataclass(frozen=True, slots=True)
class AdminCreditAnswer:
    """A credit."""

    credit: AdminCreditView


@dataclass(frozen=True, slots=True)
class TaxRateView:
    """A version of a tax rate. basis_points: hundredths of a percent. is_inclusive: prices contain the tax."""

    id: int
    country: str
    name: str
    basis_points: int
    is_inclusive: bool
    valid_from: datetime


@dataclass(frozen=True, slots=True)
class ExemptionView:
    """A workspace to which a rule does not apply."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    rule: ExemptionRule
    reason: str
    granted_by: str | None
    granted_at: datetime


@dataclass(frozen=True, slots=True)
class ExemptionList:
    """Exemptions, newest first."""

    exemptions: list[ExemptionView]
    has_more: bool


@dataclass(frozen=True, slots=True)
class TaxRateList:
    """All versions of tax rates, by country and name."""

    tax_rates: list[TaxRateView]
    has_more: bool


@dataclass(frozen=True, slots=True)
class TaxRateAnswer:
    """A tax rate."""

    tax_rate: TaxRateView


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
