"""Response models of analytics (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Annotated

from pydantic import Field

from control.analytics.periods import DayRange
from control.analytics.platform_figures.rules import (
    CostOverview,
    PlatformOverview,
    ProviderFigures,
    RevenueParts,
    WorkspaceFigures,
    cost_warning,
    profit_margin,
)
from control.http.body import Currency, Money
from control.http.fields import FirstDay, LastDay, ProviderName, TotalCalls, TotalRevenue, WorkspaceId
from control.platform.model import CURRENCY


@dataclass(frozen=True, slots=True)
class WorkspaceFiguresView:
    """A workspace's calls and money."""

    workspace_id: WorkspaceId
    name: Annotated[str | None, Field(description="Null once the workspace is purged.", examples=["Riverside Dental"])]
    total_calls: TotalCalls
    total_revenue: TotalRevenue
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    avg_call_duration: Annotated[
        float | None,
        Field(description="Seconds of a call, unanswered ones included; null without calls.", examples=[94.8]),
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class PlatformFiguresView:
    """The platform in a range of days (UTC)."""

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
        Money, Field(description="What invoices took from credits, negative, in major units.", examples=[-20.0])
    ]
    total_cost: Annotated[
        Money, Field(description="What providers and carriers cost us, in major units.", examples=[930.1])
    ]
    profit_margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue that is left after the cost; null without revenue, or while "
            "costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Entries of calls without a known cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why a cost is too low, and so a margin unknown; null where all costs are known.",
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
    mrr: Annotated[Money, Field(description="Now, not in the range.", examples=[5390.0])]
    arr: Annotated[Money, Field(description="Now, not in the range.", examples=[64680.0])]
    churn_rate: Annotated[
        float | None, Field(description="Null if no workspace was active at the beginning.", examples=[0.02])
    ]


@dataclass(frozen=True, slots=True)
class WorkspaceRankingView:
    """Workspaces, the first in the wanted order."""

    first_day: Annotated[date | None, Field(description="Null for all time.", examples=["2026-11-01"])]
    last_day: Annotated[date | None, Field(description="Null for all time.", examples=["2026-11-26"])]
    workspaces: Annotated[
        list[WorkspaceFiguresView], Field(description="The workspaces, the first in the wanted order.")
    ]


@dataclass(frozen=True, slots=True)
class ProviderFiguresView:
    """A provider or carrier in the calls of the range."""

    provider: ProviderName
    total_calls: TotalCalls
    success_rate: Annotated[
        float | None,
        Field(
            description="Share of the calls in which it did not fail, 0 to 1; null where failures are not known.",
            examples=[0.997],
        ),
    ]
    avg_latency: Annotated[
        int | None, Field(description="P50 in ms of its slowest role; null where none was measured.", examples=[310])
    ]
    latency_by_role: Annotated[
        Mapping[str, int], Field(description="The same of each role.", examples=[{"stt": 120, "tts": 310}])
    ]
    total_cost: Annotated[Money, Field(description="What it cost us, in major units.", examples=[12.5])]
    revenue_generated: Annotated[
        Money,
        Field(description="Its share of what the calls are billed, split by cost, in major units.", examples=[55.1]),
    ]
    unpriced: Annotated[
        int, Field(description="Entries of the ledger without a known cost, which the sum lacks.", examples=[0])
    ]
    currency: Currency


@dataclass(frozen=True, slots=True)
class ProviderRankingView:
    """Providers, the most expensive first."""

    first_day: FirstDay
    last_day: LastDay
    by_provider: Annotated[list[ProviderFiguresView], Field(description="By provider, the highest cost first.")]


@dataclass(frozen=True, slots=True)
class ProviderMarginView:
    """A provider's cost, and its share of the billed calls."""

    provider: ProviderName
    cost: Annotated[Money, Field(description="What it cost us, in major units.", examples=[12.5])]
    revenue: Annotated[
        Money,
        Field(description="Its share of what the calls are billed, split by cost, in major units.", examples=[55.1]),
    ]
    margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue that is left after the cost; null without revenue, or while "
            "costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Entries of calls without a known cost, which count as 0.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class WorkspaceMarginView:
    """A workspace's cost and revenue."""

    workspace_id: WorkspaceId
    name: Annotated[str | None, Field(description="Null once the workspace is purged.", examples=["Riverside Dental"])]
    cost: Annotated[Money, Field(description="What the workspace cost us, in major units.", examples=[12.5])]
    revenue: Annotated[
        Money, Field(description="usage_billed and fees_accrued of the workspace, in major units.", examples=[55.1])
    ]
    margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue that is left after the cost; null without revenue, or while "
            "costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Entries of calls without a known cost, which count as 0.", examples=[0])
    ]
    currency: Currency = CURRENCY


@dataclass(frozen=True, slots=True)
class CostOverviewView:
    """Cost and revenue of the range."""

    first_day: FirstDay
    last_day: LastDay
    total_cost: Annotated[
        Money, Field(description="What providers and carriers cost us, in major units.", examples=[930.1])
    ]
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
        Money, Field(description="What invoices took from credits, negative, in major units.", examples=[-20.0])
    ]
    profit_margin: Annotated[
        float | None,
        Field(
            description="Share of the revenue that is left after the cost; null without revenue, or while "
            "costs are unknown.",
            examples=[0.38],
        ),
    ]
    unpriced: Annotated[
        int, Field(description="Entries of calls without a known cost, which count as 0.", examples=[0])
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why a cost is too low, and so a margin unknown; null where all costs are known.",
            examples=[None],
        ),
    ]
    currency: Currency
    by_provider: Annotated[list[ProviderMarginView], Field(description="By provider, the highest cost first.")]
    by_workspace: Annotated[list[WorkspaceMarginView], Field(description="Those that cost most.")]


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
