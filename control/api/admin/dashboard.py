"""Routes of the staff's dashboards."""

from typing import Literal

from pydantic import Field

from control.analytics.platform_figures.service import Analytics
from control.api.admin.dashboard_views import AdminUsageView, HourView, OverviewView, RevenueView
from control.http.access import ANY_ADMIN, admin
from control.http.context import AdminContext
from control.http.pagination import Query
from control.http.route import Route
from control.platform.model import CURRENCY


class RevenueQuery(Query):
    """The period: a calendar period in UTC, up to now."""

    period: Literal["month", "quarter", "year"] = Field("month", description="This month, quarter or year.")


class UsageQuery(Query):
    """The period: a calendar period in UTC, up to now."""

    period: Literal["day", "week", "month"] = Field("month", description="Today, this week or this month.")


async def overview(context: AdminContext) -> OverviewView:
    """Key figures of the platform: today, this month, and now."""
    figures = await context.services[Analytics].get_overview(context.db, context.now)
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
    """Revenue and churn of the period."""
    figures = await context.services[Analytics].get_revenue(context.db, query.period, context.now)
    return RevenueView(
        total_revenue=figures.total,
        revenue_by_tier=figures.by_tier,
        mrr=figures.mrr,
        arr=figures.arr,
        currency=CURRENCY,
        churn_rate=figures.churn_rate,
    )


async def usage(context: AdminContext, query: UsageQuery) -> AdminUsageView:
    """Calls of the period by provider and hour."""
    figures = await context.services[Analytics].get_usage(context.db, query.period, context.now)
    hours = [HourView(hour, calls) for hour, calls in enumerate(figures.by_hour) if calls]
    hours.sort(key=lambda one: (-one.calls, one.hour))
    return AdminUsageView(figures.calls, figures.minutes, figures.by_provider, figures.average_seconds, hours)


ROUTES = (
    Route("GET", "/admin/dashboard/overview", overview, ANY_ADMIN),
    Route("GET", "/admin/dashboard/revenue", revenue, admin("finance", "read_only")),
    Route("GET", "/admin/dashboard/usage", usage, ANY_ADMIN),
)
