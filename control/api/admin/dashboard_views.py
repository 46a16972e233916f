"""Response models of dashboard (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from control.http.body import Currency, Money
from control.http.fields import TotalCalls, TotalRevenue


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Key figures."""

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
            description="The share (0 to 1) of workspaces active at its start that no longer are; null if "
            "there were none.",
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
    """Calls of the period."""

    total_calls: TotalCalls
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    calls_by_provider: Annotated[
        Mapping[str, int], Field(description="Number of calls by provider.", examples=[{"groq": 310, "cartesia": 305}])
    ]
    avg_call_duration: Annotated[float, Field(description="Seconds of a call, on average.", examples=[94.8])]
    peak_hours: Annotated[list[HourView], Field(description="Hours with calls, the busiest first.")]
