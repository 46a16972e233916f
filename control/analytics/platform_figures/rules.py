"""Figures of the whole platform. Money is in major units. Durations are in seconds unless a name says otherwise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.analytics.latency import Histogram, median_ms
from control.analytics.periods import DayRange


@dataclass(frozen=True, slots=True)
class Overview:
    """Key figures of the platform.

    Attributes:
        providers_by_health: Numbers of enabled providers that are healthy, degraded, down and unknown.
    """

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
    """Revenue of a period.

    Attributes:
        churn_rate: 0 to 1. None if no workspace was active at the start.
    """

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
    """Calls of a period.

    Attributes:
        by_hour: Numbers of calls that began in each of the 24 hours of the day (UTC).
    """

    calls: int
    seconds: int
    by_provider: Mapping[str, int]
    by_hour: tuple[int, ...]

    @property
    def average_seconds(self) -> float:
        """Average over all calls, including unanswered calls. 0 without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else 0.0

    @property
    def minutes(self) -> float:
        """Total duration in minutes."""
        return round(self.seconds / 60, 1)


WorkspaceOrder = Literal["calls", "revenue", "minutes", "cost"]


def profit_margin(revenue: Decimal, cost: Decimal, unpriced: int) -> float | None:
    """Return the share of the revenue that is left after the cost. Negative if the cost exceeds the revenue.

    Returns None without revenue, or if the cost of some entries is unknown.
    """
    return round(float((revenue - cost) / revenue), 4) if revenue > 0 and not unpriced else None


def cost_warning(unpriced: int) -> str | None:
    """Return a warning that the cost is too low because ledger entries have no cost, or None."""
    if not unpriced:
        return None
    entries = "1 entry of the ledger has" if unpriced == 1 else f"{unpriced} entries of the ledger have"
    return f"{entries} no known cost and {'counts' if unpriced == 1 else 'count'} as 0."


@dataclass(frozen=True, slots=True)
class RevenueParts:
    """The parts of revenue.

    Attributes:
        list_price: Call minutes at list price, before included and trial minutes are deducted.
        usage: Minutes after these deductions, and numbers.
        fees: Fees accrued by the day.
        credits: Credits that invoices used, as a negative amount. Not part of the revenue.
    """

    list_price: Decimal
    usage: Decimal
    fees: Decimal
    credits: Decimal

    @property
    def total(self) -> Decimal:
        """Revenue: usage and fees, without tax and before credits."""
        return self.usage + self.fees


def split_revenue(by_resource: Mapping[str, Decimal]) -> RevenueParts:
    """Split revenue into its parts.

    Args:
        by_resource: Amounts by the resource type of the ledger.
    """
    zero = Decimal(0)
    fees, paid = by_resource.get("subscription", zero), by_resource.get("credit", zero)
    whole = sum(by_resource.values(), zero)
    return RevenueParts(by_resource.get("call_minutes", zero), whole - fees - paid, fees, paid)


@dataclass(frozen=True, slots=True)
class WorkspaceFigures:
    """A workspace's calls and money.

    Attributes:
        name: None once the workspace is purged.
        unpriced: Number of entries without a known cost. 0 if they were not counted.
    """

    workspace_id: UUID
    name: str | None
    calls: int
    seconds: int
    revenue: Decimal
    cost: Decimal
    unpriced: int = 0

    @property
    def minutes(self) -> float:
        """Connected minutes."""
        return round(self.seconds / 60, 1)

    @property
    def average_seconds(self) -> float | None:
        """Average over all calls, including unanswered calls. None without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else None


@dataclass(frozen=True, slots=True)
class PlatformSums:
    """Calls and money of all workspaces in a range of days.

    Attributes:
        unpriced: Number of call entries without a known cost, which count as 0.
    """

    calls: int
    seconds: int
    revenue: Decimal
    cost: Decimal
    unpriced: int
    parts: RevenueParts
    by_status: Mapping[str, int]
    by_provider: Mapping[str, int]
    revenue_by_tier: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PlatformOverview:
    """Figures of the platform for a range of days.

    Attributes:
        mrr: Current monthly recurring revenue.
        churn_rate: None if no workspace was active at the start.
    """

    range: DayRange
    sums: PlatformSums
    top_workspaces: Sequence[WorkspaceFigures]
    mrr: Decimal
    churn_rate: float | None

    @property
    def minutes(self) -> float:
        """Connected minutes."""
        return round(self.sums.seconds / 60, 1)


@dataclass(frozen=True, slots=True)
class ProviderFigures:
    """Figures of a provider for the calls of a range of days.

    Attributes:
        measured: Number of calls in which failures are tracked.
        revenue: The provider's share of the calls' prices.
        unpriced: Number of ledger entries without a cost, which count as 0.
        latency: Histograms by role.
    """

    provider: str
    calls: int
    measured: int
    failed_calls: int
    cost: Decimal
    revenue: Decimal
    unpriced: int
    latency: Mapping[str, Histogram]

    @property
    def success_rate(self) -> float | None:
        """Share of the measured calls in which the provider did not fail. None without measured calls."""
        return round(1 - self.failed_calls / self.measured, 4) if self.measured else None

    @property
    def latency_by_role(self) -> Mapping[str, int]:
        """P50 in ms of each measured role."""
        found = {role: median_ms(turns) for role, turns in sorted(self.latency.items())}
        return {role: ms for role, ms in found.items() if ms is not None}

    @property
    def worst_latency(self) -> int | None:
        """P50 in ms of the slowest role. None if no role was measured."""
        return max(self.latency_by_role.values(), default=None)


@dataclass(frozen=True, slots=True)
class CostOverview:
    """Cost and revenue of a range of days.

    Attributes:
        workspaces: The workspaces with the highest cost.
    """

    range: DayRange
    sums: PlatformSums
    providers: Sequence[ProviderFigures]
    workspaces: Sequence[WorkspaceFigures]
