"""Routes of the platform's analytics, for the staff."""

from pydantic import Field

from control.analytics.periods import Period
from control.analytics.platform_figures.rules import WorkspaceOrder
from control.analytics.platform_figures.service import PlatformAnalytics
from control.api.admin.analytics_views import (
    CostOverviewView,
    PlatformFiguresView,
    ProviderRankingView,
    WorkspaceRankingView,
    to_costs,
    to_platform,
    to_providers,
    to_ranking,
)
from control.api.analytics_queries import RangeQuery, StaffRangeQuery
from control.http.access import admin
from control.http.context import AdminContext
from control.http.pagination import MAX_LIMIT
from control.http.route import Route

ANALYTICS = "/admin/analytics"
READERS = admin("finance", "read_only")


class WorkspaceRankingQuery(RangeQuery):
    """Order and number of the workspaces, and the days in UTC."""

    sort_by: WorkspaceOrder = Field("calls", description="What the most of which comes first.")
    limit: int = Field(10, ge=1, le=MAX_LIMIT, description="The most workspaces.")
    period: Period | None = Field(
        None, description="Today, or this week, month, quarter or year; without it and from: all time."
    )


class CostQuery(StaffRangeQuery):
    """The days in UTC, and how many workspaces."""

    limit: int = Field(50, ge=1, le=MAX_LIMIT, description="The most workspaces in by_workspace.")


async def get_platform(context: AdminContext, query: StaffRangeQuery) -> PlatformFiguresView:
    """Calls, revenue and margin of the platform, its best customers, and what recurs each month."""
    analytics = context.services[PlatformAnalytics]
    return to_platform(await analytics.get_overview(context.db, query.to_choice(), context.now))


async def rank_workspaces(context: AdminContext, query: WorkspaceRankingQuery) -> WorkspaceRankingView:
    """The workspaces with the most calls, revenue, minutes or cost."""
    is_bounded = query.period is not None or query.first is not None or query.last is not None
    choice = query.to_choice() if is_bounded else None
    analytics = context.services[PlatformAnalytics]
    return to_ranking(*await analytics.list_workspaces(context.db, choice, query.sort_by, query.limit, context.now))


async def rank_providers(context: AdminContext, query: StaffRangeQuery) -> ProviderRankingView:
    """How providers and carriers did, what they cost, and which share of the revenue they carried."""
    analytics = context.services[PlatformAnalytics]
    return to_providers(*await analytics.list_providers(context.db, query.to_choice(), context.now))


async def get_costs(context: AdminContext, query: CostQuery) -> CostOverviewView:
    """Cost, revenue and margin, by provider and by workspace."""
    analytics = context.services[PlatformAnalytics]
    return to_costs(await analytics.get_costs(context.db, query.to_choice(), query.limit, context.now))


ROUTES = (
    Route("GET", f"{ANALYTICS}/platform", get_platform, READERS),
    Route("GET", f"{ANALYTICS}/workspaces", rank_workspaces, READERS),
    Route("GET", f"{ANALYTICS}/providers", rank_providers, READERS),
    Route("GET", f"{ANALYTICS}/costs", get_costs, READERS),
)
