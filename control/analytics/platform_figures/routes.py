"""Routes of the platform's figures and dashboards for staff."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import Field

from control.analytics.fields import RangeQuery, StaffRangeQuery
from control.analytics.periods import RANGE_ERRORS, DayRange, Period
from control.analytics.platform_figures.rules import (
    CostOverview,
    PlatformOverview,
    ProviderFigures,
    RevenueParts,
    WorkspaceFigures,
    WorkspaceOrder,
    cost_warning,
    profit_margin,
)
from control.analytics.platform_figures.service import Dashboard, PlatformAnalytics
from control.http.access import ANY_ADMIN, admin
from control.http.body import Currency, Money
from control.http.context import AdminContext
from control.http.fields import FirstDay, LastDay, ProviderName, TotalCalls, TotalRevenue, WorkspaceId
from control.http.pagination import MAX_LIMIT, Query
from control.http.route import Route
from control.platform.rules import CURRENCY

# -- Dashboards --


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Key figures of the platform."""

    total_workspaces: Annotated[int, Field(description="Number of workspaces.", examples=[120])]
    active_workspaces: Annotated[
        int,
        Field(
            description="Number of workspaces with the status `active`: neither on trial nor suspended.", examples=[112]
        ),
    ]
    total_calls_today: Annotated[int, Field(description="Number of calls today (UTC).", examples=[340])]
    total_calls_month: Annotated[
        int, Field(description="Number of calls in this calendar month (UTC).", examples=[8123])
    ]
    total_revenue_month: Annotated[
        Money,
        Field(
            description="Billed usage and accrued fees of this calendar month (UTC), in major units.", examples=[1520.4]
        ),
    ]
    mrr: Annotated[
        Money, Field(description="Monthly fees of all active workspaces, in major units.", examples=[5390.0])
    ]
    currency: Currency
    active_agents: Annotated[int, Field(description="Number of live agents.", examples=[3])]
    provider_health_summary: Annotated[
        Mapping[str, int],
        Field(
            description="Numbers of enabled providers that are healthy, degraded, down and unknown.",
            examples=[{"healthy": 5, "degraded": 1, "down": 0, "unknown": 2}],
        ),
    ]


@dataclass(frozen=True, slots=True)
class RevenueView:
    """Revenue of the period."""

    total_revenue: TotalRevenue
    revenue_by_tier: Annotated[
        Mapping[str, Money],
        Field(description="Revenue by name of the tier, in major units.", examples=[{"starter": 980.0, "pro": 540.4}]),
    ]
    mrr: Annotated[
        Money,
        Field(
            description="Monthly recurring revenue: the fees of all active workspaces, in major units.",
            examples=[5390.0],
        ),
    ]
    arr: Annotated[
        Money, Field(description="Annual recurring revenue: twelve times `mrr`, in major units.", examples=[64680.0])
    ]
    currency: Currency
    churn_rate: Annotated[
        float | None,
        Field(
            description="Share (0 to 1) of workspaces active at the start but no longer active. Null without any.",
            examples=[0.02],
        ),
    ]


@dataclass(frozen=True, slots=True)
class HourView:
    """Calls in an hour of the day (UTC)."""

    hour: Annotated[int, Field(description="Hour of the day (UTC), 0 to 23.", examples=[14])]
    calls: Annotated[int, Field(description="Number of calls that began in this hour.", examples=[57])]


@dataclass(frozen=True, slots=True)
class AdminUsageView:
    """Calls of the period by provider and hour."""

    total_calls: TotalCalls
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    calls_by_provider: Annotated[
        Mapping[str, int], Field(description="Number of calls by provider.", examples=[{"groq": 310, "cartesia": 305}])
    ]
    avg_call_duration: Annotated[float, Field(description="Average duration of a call in seconds.", examples=[94.8])]
    peak_hours: Annotated[list[HourView], Field(description="Hours with calls, busiest first.")]


class RevenueQuery(Query):
    """A calendar period in UTC, up to now."""

    period: Literal["month", "quarter", "year"] = Field("month", description="This month, quarter or year.")


class UsageQuery(Query):
    """A calendar period in UTC, up to now."""

    period: Literal["day", "week", "month"] = Field("month", description="Today, this week or this month.")


async def overview(context: AdminContext) -> OverviewView:
    """Return the platform's key figures: today, this month, and now."""
    figures = await context.services[Dashboard].get_overview(context.db, context.now)
    return OverviewView(
        total_workspaces=figures.workspaces,
        active_workspaces=figures.active_workspaces,
        total_calls_today=figures.calls_today,
        total_calls_month=figures.calls_month,
        total_revenue_month=figures.revenue_month,
        mrr=figures.mrr,
        currency=CURRENCY,
        active_agents=figures.live_agents,
        provider_health_summary=figures.providers_by_health,
    )


async def revenue(context: AdminContext, query: RevenueQuery) -> RevenueView:
    """Return revenue and churn of the period."""
    figures = await context.services[Dashboard].get_revenue(context.db, query.period, context.now)
    return RevenueView(
        total_revenue=figures.total,
        revenue_by_tier=figures.by_tier,
        mrr=figures.mrr,
        arr=figures.arr,
        currency=CURRENCY,
        churn_rate=figures.churn_rate,
    )


async def usage(context: AdminContext, query: UsageQuery) -> AdminUsageView:
    """Return the calls of the period by provider and hour."""
    figures = await context.services[Dashboard].get_usage(context.db, query.period, context.now)
    hours = [HourView(hour, calls) for hour, calls in enumerate(figures.by_hour) if calls]
    hours.sort(key=lambda hour: (-hour.calls, hour.hour))
    return AdminUsageView(figures.calls, figures.minutes, figures.by_provider, figures.average_seconds, hours)


DASHBOARD_ROUTES = (
    Route("GET", "/admin/dashboard/overview", overview, ANY_ADMIN),
    Route("GET", "/admin/dashboard/revenue", revenue, admin("finance", "read_only")),
    Route("GET", "/admin/dashboard/usage", usage, ANY_ADMIN),
)


# -- Analytics --


@dataclass(frozen=True, slots=True)
class WorkspaceFiguresView:
    """Calls and money of a workspace."""

    workspace_id: WorkspaceId
    name: Annotated[
        str | None, Field(description="Name of the workspace. Null once it is purged.", examples=["Riverside Dental"])
    ]
    total_calls: TotalCalls
    total_revenue: TotalRevenue
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    avg_call_duration: Annotated[
        float | None,
        Field(
            description="Average seconds of a call, including unanswered calls. Null without calls.", examples=[94.8]
        ),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class PlatformFiguresView:
    """Figures of the platform for a range of days (UTC)."""

    first_day: FirstDay
    last_day: LastDay
    total_calls: TotalCalls
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    total_revenue: TotalRevenue
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
        Money, Field(description="Credits that invoices used, as a negative amount in major units.", examples=[-20.0])
    ]
    total_cost: Annotated[Money, Field(description="Cost of providers and carriers in major units.", examples=[930.1])]
    profit_margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue left after the cost. Null without revenue, or if costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Number of call entries without a known cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why the cost is too low and the margin unknown. Null if all costs are known.",
            examples=[None],
        ),
    ]
    currency: Currency
    calls_by_status: Annotated[
        Mapping[str, int],
        Field(description="Number of calls by status.", examples=[{"completed": 105, "no_answer": 23}]),
    ]
    calls_by_provider: Annotated[
        Mapping[str, int], Field(description="Number of calls by provider.", examples=[{"groq": 310, "cartesia": 305}])
    ]
    revenue_by_tier: Annotated[
        Mapping[str, Money],
        Field(description="Revenue by name of the tier, in major units.", examples=[{"starter": 980.0, "pro": 540.4}]),
    ]
    top_workspaces: Annotated[list[WorkspaceFiguresView], Field(description="The workspaces with the highest revenue.")]
    mrr: Annotated[Money, Field(description="Current value, not of the range.", examples=[5390.0])]
    arr: Annotated[Money, Field(description="Current value, not of the range.", examples=[64680.0])]
    churn_rate: Annotated[
        float | None,
        Field(description="Churn rate, 0 to 1. Null if no workspace was active at the start.", examples=[0.02]),
    ]


@dataclass(frozen=True, slots=True)
class WorkspaceRankingView:
    """Workspaces in the requested order."""

    first_day: Annotated[date | None, Field(description="First day. Null for all time.", examples=["2026-11-01"])]
    last_day: Annotated[date | None, Field(description="Last day. Null for all time.", examples=["2026-11-26"])]
    workspaces: Annotated[list[WorkspaceFiguresView], Field(description="The workspaces in the requested order.")]


@dataclass(frozen=True, slots=True)
class ProviderFiguresView:
    """Figures of a provider or carrier for the calls of the range."""

    provider: ProviderName
    total_calls: TotalCalls
    success_rate: Annotated[
        float | None,
        Field(
            description="Share of calls without a failure of the provider, 0 to 1. Null if unknown.",
            examples=[0.997],
        ),
    ]
    avg_latency: Annotated[
        int | None, Field(description="P50 in ms of the slowest role. Null if no role was measured.", examples=[310])
    ]
    latency_by_role: Annotated[
        Mapping[str, int], Field(description="P50 in ms of each role.", examples=[{"stt": 120, "tts": 310}])
    ]
    total_cost: Annotated[Money, Field(description="Cost in major units.", examples=[12.5])]
    revenue_generated: Annotated[
        Money,
        Field(description="Share of the billed amount of the calls, split by cost, in major units.", examples=[55.1]),
    ]
    unpriced: Annotated[
        int, Field(description="Number of ledger entries without a known cost, which the sum lacks.", examples=[0])
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class ProviderRankingView:
    """Providers, most expensive first."""

    first_day: FirstDay
    last_day: LastDay
    by_provider: Annotated[list[ProviderFiguresView], Field(description="The providers, highest cost first.")]


@dataclass(frozen=True, slots=True)
class ProviderMarginView:
    """A provider's cost and its share of the billed calls."""

    provider: ProviderName
    cost: Annotated[Money, Field(description="Cost in major units.", examples=[12.5])]
    revenue: Annotated[
        Money,
        Field(description="Share of the billed amount of the calls, split by cost, in major units.", examples=[55.1]),
    ]
    margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue left after the cost. Null without revenue, or if costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Number of call entries without a known cost, which count as 0.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class WorkspaceMarginView:
    """A workspace's cost and revenue."""

    workspace_id: WorkspaceId
    name: Annotated[
        str | None, Field(description="Name of the workspace. Null once it is purged.", examples=["Riverside Dental"])
    ]
    cost: Annotated[Money, Field(description="Cost of the workspace in major units.", examples=[12.5])]
    revenue: Annotated[
        Money, Field(description="usage_billed and fees_accrued of the workspace, in major units.", examples=[55.1])
    ]
    margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue left after the cost. Null without revenue, or if costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Number of call entries without a known cost, which count as 0.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class CostOverviewView:
    """Cost and revenue of the range."""

    first_day: FirstDay
    last_day: LastDay
    total_cost: Annotated[Money, Field(description="Cost of providers and carriers in major units.", examples=[930.1])]
    total_revenue: TotalRevenue
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
        Money, Field(description="Credits that invoices used, as a negative amount in major units.", examples=[-20.0])
    ]
    profit_margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue left after the cost. Null without revenue, or if costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Number of call entries without a known cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why the cost is too low and the margin unknown. Null if all costs are known.",
            examples=[None],
        ),
    ]
    currency: Currency
    by_provider: Annotated[list[ProviderMarginView], Field(description="The providers, highest cost first.")]
    by_workspace: Annotated[list[WorkspaceMarginView], Field(description="The workspaces with the highest cost.")]


def to_platform(found: PlatformOverview) -> PlatformFiguresView:
    """Return the platform's figures as a view."""
    sums = found.sums
    return PlatformFiguresView(
        first_day=found.range.first,
        last_day=found.range.last,
        total_calls=sums.calls,
        total_minutes=found.minutes,
        total_revenue=sums.revenue,
        **to_parts(sums.parts),
        total_cost=sums.cost,
        profit_margin=profit_margin(sums.revenue, sums.cost, sums.unpriced),
        unpriced=sums.unpriced,
        warning=cost_warning(sums.unpriced),
        currency=CURRENCY,
        calls_by_status=sums.by_status,
        calls_by_provider=sums.by_provider,
        revenue_by_tier=sums.revenue_by_tier,
        top_workspaces=[_to_workspace(workspace) for workspace in found.top_workspaces],
        mrr=found.mrr,
        arr=12 * found.mrr,
        churn_rate=found.churn_rate,
    )


def to_ranking(days: DayRange | None, found: list[WorkspaceFigures]) -> WorkspaceRankingView:
    """Return workspaces as a view."""
    first, last = (days.first, days.last) if days is not None else (None, None)
    return WorkspaceRankingView(first, last, [_to_workspace(workspace) for workspace in found])


def to_providers(days: DayRange, found: list[ProviderFigures]) -> ProviderRankingView:
    """Return providers as a view."""
    return ProviderRankingView(days.first, days.last, [_to_provider(provider) for provider in found])


def to_costs(found: CostOverview) -> CostOverviewView:
    """Return costs as a view."""
    sums = found.sums
    return CostOverviewView(
        first_day=found.range.first,
        last_day=found.range.last,
        total_cost=sums.cost,
        total_revenue=sums.revenue,
        **to_parts(sums.parts),
        profit_margin=profit_margin(sums.revenue, sums.cost, sums.unpriced),
        unpriced=sums.unpriced,
        warning=cost_warning(sums.unpriced),
        currency=CURRENCY,
        by_provider=[_to_provider_margin(provider) for provider in found.providers],
        by_workspace=[_to_workspace_margin(workspace) for workspace in found.workspaces],
    )


def to_parts(parts: RevenueParts) -> dict[str, Decimal]:
    """Return the parts of the revenue as fields of a view."""
    return {
        "usage_list_price": parts.list_price,
        "usage_billed": parts.usage,
        "fees_accrued": parts.fees,
        "credits": parts.credits,
    }


def _to_provider_margin(figures: ProviderFigures) -> ProviderMarginView:
    margin = profit_margin(figures.revenue, figures.cost, figures.unpriced)
    return ProviderMarginView(figures.provider, figures.cost, figures.revenue, margin, figures.unpriced)


def _to_workspace_margin(figures: WorkspaceFigures) -> WorkspaceMarginView:
    margin = profit_margin(figures.revenue, figures.cost, figures.unpriced)
    return WorkspaceMarginView(
        figures.workspace_id, figures.name, figures.cost, figures.revenue, margin, figures.unpriced
    )


def _to_workspace(figures: WorkspaceFigures) -> WorkspaceFiguresView:
    return WorkspaceFiguresView(
        workspace_id=figures.workspace_id,
        name=figures.name,
        total_calls=figures.calls,
        total_revenue=figures.revenue,
        total_minutes=figures.minutes,
        avg_call_duration=figures.average_seconds,
        currency=CURRENCY,
    )


def _to_provider(figures: ProviderFigures) -> ProviderFiguresView:
    return ProviderFiguresView(
        provider=figures.provider,
        total_calls=figures.calls,
        success_rate=figures.success_rate,
        avg_latency=figures.worst_latency,
        latency_by_role=figures.latency_by_role,
        total_cost=figures.cost,
        revenue_generated=figures.revenue,
        unpriced=figures.unpriced,
        currency=CURRENCY,
    )


ANALYTICS = "/admin/analytics"
READERS = admin("finance", "read_only")


class WorkspaceRankingQuery(RangeQuery):
    """Order and maximum number of the workspaces, and the days in UTC."""

    sort_by: WorkspaceOrder = Field("calls", description="The figure to sort by, highest first.")
    limit: int = Field(10, ge=1, le=MAX_LIMIT, description="Maximum number of workspaces.")
    period: Period | None = Field(
        None, description="Today, or this week, month, quarter or year. Without a period and days: all time."
    )


class CostQuery(StaffRangeQuery):
    """The days in UTC, and the maximum number of workspaces."""

    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="Maximum number of workspaces in `by_workspace`.")


async def get_platform(context: AdminContext, query: StaffRangeQuery) -> PlatformFiguresView:
    """Return calls, revenue and margin of the platform, its best customers, and the recurring revenue."""
    analytics = context.services[PlatformAnalytics]
    return to_platform(await analytics.get_overview(context.db, query.to_choice(), context.now))


async def rank_workspaces(context: AdminContext, query: WorkspaceRankingQuery) -> WorkspaceRankingView:
    """List the workspaces with the most calls, revenue, minutes or cost."""
    is_bounded = query.period is not None or query.first is not None or query.last is not None
    choice = query.to_choice() if is_bounded else None
    analytics = context.services[PlatformAnalytics]
    return to_ranking(*await analytics.list_workspaces(context.db, choice, query.sort_by, query.limit, context.now))


async def rank_providers(context: AdminContext, query: StaffRangeQuery) -> ProviderRankingView:
    """List success rates, latencies, costs and shares of the revenue of providers and carriers."""
    analytics = context.services[PlatformAnalytics]
    return to_providers(*await analytics.list_providers(context.db, query.to_choice(), context.now))


async def get_costs(context: AdminContext, query: CostQuery) -> CostOverviewView:
    """Return cost, revenue and margin, by provider and by workspace."""
    analytics = context.services[PlatformAnalytics]
    return to_costs(await analytics.get_costs(context.db, query.to_choice(), query.limit, context.now))


ADMIN_ROUTES = (
    Route("GET", f"{ANALYTICS}/platform", get_platform, READERS, errors=RANGE_ERRORS),
    Route("GET", f"{ANALYTICS}/workspaces", rank_workspaces, READERS, errors=RANGE_ERRORS),
    Route("GET", f"{ANALYTICS}/providers", rank_providers, READERS, errors=RANGE_ERRORS),
    Route("GET", f"{ANALYTICS}/costs", get_costs, READERS, errors=RANGE_ERRORS),
)
