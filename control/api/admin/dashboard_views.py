"""Response models of dashboard (admin API)."""

from collections.abc import Mapping
from dataclasses import dataclass

from control.http.body import Currency, Money


@dataclass(frozen=True, slots=True)
class OverviewView:
    """Key figures. mrr: monthly fees of all active workspaces, in major units. provider_health_summary: numbers of
    enabled providers that are healthy, degraded, down and unknown."""

    total_workspaces: int
    active_workspaces: int
    total_calls_today: int
    total_calls_month: int
    total_revenue_month: Money
    mrr: Money
    currency: Currency
    active_agents: int
    provider_health_summary: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class RevenueView:
    """Revenue of the period. churn_rate: the share (0 to 1) of workspaces active at its start that no longer are; null
    if there were none."""

    total_revenue: Money
    revenue_by_tier: Mapping[str, Money]
    mrr: Money
    arr: Money
    currency: Currency
    churn_rate: float | None


@dataclass(frozen=True, slots=True)
class HourView:
    """Calls in an hour of the day (UTC)."""

    hour: int
    calls: int


@dataclass(frozen=True, slots=True)
class AdminUsageView:
    """Calls of the period. avg_call_duration: seconds of a call, on average. peak_hours: hours with calls, the busiest
    first."""

    total_calls: int
    total_minutes: float
    calls_by_provider: Mapping[str, int]
    avg_call_duration: float
    peak_hours: list[HourView]
