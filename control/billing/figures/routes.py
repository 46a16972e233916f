"""Routes of the staff's billing figures."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import Field

from control.analytics.periods import first_day
from control.analytics.platform_figures.rules import cost_warning
from control.billing.fields import ADMIN_BILLING, READERS
from control.billing.figures import queries
from control.billing.figures.rules import BillingOverview, WorkspaceBalance
from control.billing.figures.service import list_workspace_balances
from control.billing.invoices.rules import PaymentStatus
from control.http.body import Currency, Money
from control.http.context import AdminContext
from control.http.fields import Name, TierName, WorkspaceId
from control.http.pagination import ListAnswer, ListQuery, Query, page_fields
from control.http.route import Route
from control.platform.rules import CURRENCY


class OverviewQuery(Query):
    """The period of the figures: a calendar period in UTC, up to now."""

    period: Literal["month", "quarter", "year"] = Field("month", description="This month, quarter or year.")


@dataclass(frozen=True, slots=True)
class TierRevenueView:
    """Charges to the workspaces of a tier in the period."""

    tier: TierName
    workspaces_count: Annotated[
        int,
        Field(
            description="Number of workspaces that currently have this tier, without deleted workspaces.", examples=[2]
        ),
    ]
    revenue: Annotated[
        Money, Field(description="Sum of `usage_billed` and `fees_accrued`, in major units.", examples=[980.0])
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class PaymentStatusView:
    """Paid and open amounts of invoices."""

    paid: Annotated[Money, Field(description="Payments less refunds, in major units.", examples=[4100.0])]
    pending: Annotated[Money, Field(description="Open amounts that are not overdue, in major units.", examples=[900.0])]
    overdue: Annotated[Money, Field(description="Overdue amounts, in major units.", examples=[49.0])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class BillingOverviewView:
    """Revenue, cost and profit of the period."""

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
            description="Call minutes after included and trial minutes, plus numbers, in major units.", examples=[101.5]
        ),
    ]
    fees_accrued: Annotated[
        Money, Field(description="The fees of the days that have begun, in major units.", examples=[24.5])
    ]
    credits: Annotated[
        Money, Field(description="Amount that invoices took from credits, negative, in major units.", examples=[-20.0])
    ]
    total_cost: Annotated[Money, Field(description="Our cost, in major units.", examples=[812.4])]
    profit: Annotated[Money, Field(description="Revenue less cost.", examples=[708.0])]
    unpriced: Annotated[
        int, Field(description="Number of call entries with unknown cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[
        str | None, Field(description="Whether the profit is too high because costs are unknown.", examples=[None])
    ]
    currency: Currency
    by_tier: list[TierRevenueView]
    payment_status: Annotated[PaymentStatusView, Field(description="Paid and open amounts of invoices.")]


async def get_billing_overview(context: AdminContext, query: OverviewQuery) -> BillingOverviewView:
    """Return the period's revenue, cost and profit by tier, and the open amounts of invoices."""
    first = first_day(query.period, context.now.astimezone(UTC).date())
    return to_overview(await queries.select_overview(context.db, first))


def to_overview(found: BillingOverview) -> BillingOverviewView:
    return BillingOverviewView(
        total_revenue=found.revenue,
        usage_list_price=found.parts.list_price,
        usage_billed=found.parts.usage,
        fees_accrued=found.parts.fees,
        credits=found.parts.credits,
        total_cost=found.cost,
        profit=found.revenue - found.cost,
        unpriced=found.unpriced,
        warning=cost_warning(found.unpriced),
        currency=CURRENCY,
        by_tier=[TierRevenueView(tier.tier, tier.workspaces, tier.revenue, CURRENCY) for tier in found.by_tier],
        payment_status=PaymentStatusView(found.paid, found.pending, found.overdue, CURRENCY),
    )


class BalancesQuery(ListQuery):
    """Filters for the list of balances."""

    status: PaymentStatus | None = Field(
        None,
        description="Return only workspaces that owe nothing (`paid`), owe money (`pending`) or are late (`overdue`).",
    )


@dataclass(frozen=True, slots=True)
class WorkspaceBalanceView:
    """The balance of a workspace."""

    workspace_id: WorkspaceId
    name: Name
    current_balance: Annotated[Money, Field(description="Open amount of the workspace's invoices.", examples=[120.79])]
    currency: Currency
    payment_status: Annotated[
        PaymentStatus,
        Field(description="`paid` if the workspace owes nothing, `pending` if it owes money, `overdue` if it is late."),
    ]
    last_payment_date: Annotated[
        datetime | None, Field(description="Time of the latest payment (UTC); null before the first payment.")
    ]


@dataclass(frozen=True, slots=True)
class BalanceList(ListAnswer):
    """A page of workspaces, newest first."""

    workspaces: Annotated[list[WorkspaceBalanceView], Field(description="The workspaces with their balances.")]


async def list_balances(context: AdminContext, query: BalancesQuery) -> BalanceList:
    """List workspaces with their balances, newest first."""
    found = await list_workspace_balances(context.db, query.status, page=query.request())
    return BalanceList([to_balance(balance) for balance in found.rows], **page_fields(query, found))


def to_balance(balance: WorkspaceBalance) -> WorkspaceBalanceView:
    return WorkspaceBalanceView(
        balance.workspace_id, balance.name, balance.balance, balance.currency, balance.status, balance.last_payment
    )


ADMIN_ROUTES: tuple[Route, ...] = (
    Route("GET", f"{ADMIN_BILLING}/overview", get_billing_overview, READERS),
    Route("GET", f"{ADMIN_BILLING}/workspaces", list_balances, READERS),
)
