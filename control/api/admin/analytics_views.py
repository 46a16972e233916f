"""Response models of analytics (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from uuid import UUID

from control.analytics.periods import DayRange
from control.analytics.platform_figures import (
    CostOverview,
    PlatformOverview,
    ProviderFigures,
    RevenueParts,
    WorkspaceFigures,
    cost_warning,
    profit_margin,
)
from control.billing.model import CURRENCY
from control.http.body import Currency, Money


@dataclass(frozen=True, slots=True)
class WorkspaceFiguresView:
    """A workspace's calls and money. name: null once the workspace is purged. avg_call_duration: seconds of a call,
    unanswered ones included; null without calls."""

    workspace_id: UUID
    name: str | None
    total_calls: int
    total_revenue: Money
    total_minutes: float
    avg_call_duration: float | None
    currency: Currency


@dataclass(frozen=True, slots=True)
class PlatformFiguresView:
    """The platform in a range of days (UTC). churn_rate: null if no workspace was active at the beginning. mrr, arr:
    now, not in the range."""

    first_day: date
    last_day: date
    total_calls: int
    total_minutes: float
    total_revenue: Money
    usage_list_price: Money
    usage_billed: Money
    fees_accrued: Money
    credits: Money
    total_cost: Money
    profit_margin: float | None
    unpriced: int
    warning: str | None
    currency: Currency
    calls_by_status: Mapping[str, int]
    calls_by_provider: Mapping[str, int]
    revenue_by_tier: Mapping[str, Money]
    top_workspaces: list[WorkspaceFiguresView]
    mrr: Money
    arr: Money
    churn_rate: float | None


@dataclass(frozen=True, slots=True)
class WorkspaceRankingView:
    """Workspaces, the first in the wanted order. first_day, last_day: null for all time."""

    first_day: date | None
    last_day: date | None
    workspaces: list[WorkspaceFiguresView]


@dataclass(frozen=True, slots=True)
class ProviderFiguresView:
    """A provider or carrier in the calls of the range. success_rate: null where no failures are known. avg_latency: p50
    in ms of its slowest role; null where none was measured. latency_by_role: the same of each role."""

    provider: str
    total_calls: int
    success_rate: float | None
    avg_latency: int | None
    latency_by_role: Mapping[str, int]
    total_cost: Money
    revenue_generated: Money
    unpriced: int
    currency: Currency


@dataclass(frozen=True, slots=True)
class ProviderRankingView:
    """Providers, the most expensive first."""

    first_day: date
    last_day: date
    by_provider: list[ProviderFiguresView]


@dataclass(frozen=True, slots=True)
class ProviderMarginView:
    """A provider's cost, and its share of the billed calls. unpriced: entries without a known cost. An unknown cost
    counts as 0, and margin is null."""

    provider: str
    cost: Money
    revenue: Money
    margin: float | None
    unpriced: int
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class WorkspaceMarginView:
    """A workspace's cost and revenue. name: null once the workspace is purged. unpriced: entries of calls without a
    known cost, which counts as 0; margin is then null."""

    workspace_id: UUID
    name: str | None
    cost: Money
    revenue: Money
    margin: float | None
    unpriced: int
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class CostOverviewView:
    """Cost and revenue of the range. unpriced: entries of calls without a known cost, which counts as 0; profit_margin
    is then null, and warning says why. by_workspace: those that cost most."""

    first_day: date
    last_day: date
    total_cost: Money
    total_revenue: Money
    usage_list_price: Money
    usage_billed: Money
    fees_accrued: Money
    credits: Money
    profit_margin: float | None
    unpriced: int
    warning: str | None
    currency: Currency
    by_provider: list[ProviderMarginView]
    by_workspace: list[WorkspaceMarginView]


def to_platform(found: PlatformOverview) -> PlatformFiguresView:
    """The platform's figures as a view."""
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
        top_workspaces=[_to_workspace(one) for one in found.top_workspaces],
        mrr=found.mrr,
        arr=12 * found.mrr,
        churn_rate=found.churn_rate,
    )


def to_ranking(days: DayRange | None, found: list[WorkspaceFigures]) -> WorkspaceRankingView:
    """Workspaces as a view."""
    first, last = (days.first, days.last) if days is not None else (None, None)
    return WorkspaceRankingView(first, last, [_to_workspace(one) for one in found])


def to_providers(days: DayRange, found: list[ProviderFigures]) -> ProviderRankingView:
    """Providers as a view."""
    return ProviderRankingView(days.first, days.last, [_to_provider(one) for one in found])


def to_costs(found: CostOverview) -> CostOverviewView:
    """Costs as a view."""
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
    """Returns the parts of the revenue as fields."""
    return {
        "usage_list_price": parts.list_price,
        "usage_billed": parts.usage,
        "fees_accrued": parts.fees,
        "credits": parts.credits,
    }


def _to_provider_margin(one: ProviderFigures) -> ProviderMarginView:
    margin = profit_margin(one.revenue, one.cost, one.unpriced)
    return ProviderMarginView(one.provider, one.cost, one.revenue, margin, one.unpriced)


def _to_workspace_margin(one: WorkspaceFigures) -> WorkspaceMarginView:
    margin = profit_margin(one.revenue, one.cost, one.unpriced)
    return WorkspaceMarginView(one.workspace_id, one.name, one.cost, one.revenue, margin, one.unpriced)


def _to_workspace(one: WorkspaceFigures) -> WorkspaceFiguresView:
    return WorkspaceFiguresView(
        workspace_id=one.workspace_id,
        name=one.name,
        total_calls=one.calls,
        total_revenue=one.revenue,
        total_minutes=one.minutes,
        avg_call_duration=one.average_seconds,
        currency=CURRENCY,
    )


def _to_provider(one: ProviderFigures) -> ProviderFiguresView:
    return ProviderFiguresView(
        provider=one.provider,
        total_calls=one.calls,
        success_rate=one.success_rate,
        avg_latency=one.worst_latency,
        latency_by_role=one.latency_by_role,
        total_cost=one.cost,
        revenue_generated=one.revenue,
        unpriced=one.unpriced,
        currency=CURRENCY,
    )
