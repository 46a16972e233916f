"""The staff's dashboards."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from control.http.access import ANY_ADMIN, admin
from control.http.body import Money
from control.http.context import AdminContext
from control.http.page import Query
from control.http.route import Route


class RevenueQuery(Query):
    """Which period: a calendar one in UTC, to date."""

    period: Literal["month", "quarter", "year"] = Field("month", description="This month, quarter or year.")


class UsageQuery(Query):
    """Which period: a calendar one in UTC, to date."""

    period: Literal["day", "week", "month"] = Field("month", description="Today, this week or this month.")


@dataclass(frozen=True, slots=True)
class OverviewView:
    """The platform at a glance. mrr: monthly fees of all active workspaces. provider_health_summary: enabled providers
    by healthy, degraded, down and unknown."""

    total_workspaces: int
    active_workspaces: int
    total_calls_today: int
    total_calls_month: int
    total_revenue_month: Money
    mrr: Money
    active_agents: int
    provider_health_summary: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RevenueView:
    """Money of the period. churn_rate: the share (0 to 1) of the workspaces active when it began that are not now."""

    total_revenue: Money
    revenue_by_tier: Mapping[str, Money]
    mrr: Money
    arr: Money
    churn_rate: float


@dataclass(frozen=True, slots=True)
class HourView:
    """hour: of the day, UTC."""

    hour: int
    calls: int


@dataclass(frozen=True, slots=True)
class UsageView:
    """Calls of the period. avg_call_duration: seconds. peak_hours: those with calls, the busiest first."""

    total_calls: int
    total_minutes: float
    calls_by_provider: Mapping[str, int]
    avg_call_duration: float
    peak_hours: list[HourView]


async def overview(context: AdminContext) -> OverviewView:
    """The platform at a glance: today, this month, and now."""
    figures = await context.services.analytics.overview(context.db, context.now)
    return OverviewView(
        figures.workspaces, figures.active_workspaces, figures.calls_today, figures.calls_month,
        figures.revenue_month, figures.mrr, figures.live_agents, figures.providers_by_health,
    )  # fmt: skip


async def revenue(context: AdminContext, query: RevenueQuery) -> RevenueView:
    """What was earned, and how many left."""
    figures = await context.services.analytics.revenue(context.db, query.period, context.now)
    return RevenueView(figures.total, figures.by_tier, figures.mrr, figures.arr, figures.churn_rate)


async def usage(context: AdminContext, query: UsageQuery) -> UsageView:
    """How much was phoned, through whom, and when."""
    figures = await context.services.analytics.usage(context.db, query.period, context.now)
    hours = [HourView(hour, calls) for hour, calls in enumerate(figures.by_hour) if calls]
    hours.sort(key=lambda one: (-one.calls, one.hour))
    return UsageView(figures.calls, figures.minutes, figures.by_provider, figures.average_seconds, hours)


ROUTES = (
    Route("GET", "/admin/dashboard/overview", overview, ANY_ADMIN),
    Route("GET", "/admin/dashboard/revenue", revenue, admin("finance", "read_only")),
    Route("GET", "/admin/dashboard/usage", usage, ANY_ADMIN),
)
