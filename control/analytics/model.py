"""The figures of the dashboards. Money is in major units, durations in seconds unless a name says otherwise."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal


@dataclass(frozen=True, slots=True)
class Overview:
    """The platform at a glance. providers_by_health: enabled providers, by healthy, degraded, down and unknown."""

    workspaces: int
    active_workspaces: int
    calls_today: int
    calls_month: int
    revenue_month: Decimal
    mrr: Decimal
    live_agents: int
    providers_by_health: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Revenue:
    """Money of a period. churn_rate: 0 to 1; None if no workspace was active at its beginning."""

    total: Decimal
    by_tier: Mapping[str, Decimal]
    mrr: Decimal
    churn_rate: float | None

    @property
    def arr(self) -> Decimal:
        """Annual recurring revenue: twelve times the monthly fees."""
        return 12 * self.mrr


@dataclass(frozen=True, slots=True)
class UsageFigures:
    """Calls of a period. by_hour: calls that began in each hour of the day (UTC), 24 of them."""

    calls: int
    seconds: int
    by_provider: Mapping[str, int]
    by_hour: tuple[int, ...]

    @property
    def average_seconds(self) -> float:
        """Average over all calls, unanswered ones included; 0 without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else 0.0

    @property
    def minutes(self) -> float:
        """Total duration in minutes."""
        return round(self.seconds / 60, 1)
