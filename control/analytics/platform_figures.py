"""Figures of the whole platform, for the staff. Days are UTC; money is in major units."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal
from uuid import UUID

from control.analytics.latency import Histogram, median_ms
from control.analytics.periods import DayRange

WorkspaceOrder = Literal["calls", "revenue", "minutes", "cost"]


def profit_margin(revenue: Decimal, cost: Decimal) -> float | None:
    """The share of the revenue that is left after the cost; negative when it costs more. None without revenue."""
    return round(float((revenue - cost) / revenue), 4) if revenue > 0 else None


@dataclass(frozen=True, slots=True)
class WorkspaceFigures:
    """A workspace's calls and money. name: None once it is purged."""

    workspace_id: UUID
    name: str | None
    calls: int
    seconds: int
    revenue: Decimal
    cost: Decimal

    @property
    def minutes(self) -> float:
        """Connected minutes."""
        return round(self.seconds / 60, 1)

    @property
    def average_seconds(self) -> float | None:
        """Over all calls, unanswered ones included; None without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else None


@dataclass(frozen=True, slots=True)
class PlatformSums:
    """Calls and money of all workspaces in a range of days."""

    calls: int
    seconds: int
    revenue: Decimal
    cost: Decimal
    by_status: Mapping[str, int]
    by_provider: Mapping[str, int]
    revenue_by_tier: Mapping[str, Decimal]


@dataclass(frozen=True, slots=True)
class PlatformOverview:
    """The platform in a range of days. mrr: now. churn_rate: None if no workspace was active at the beginning."""

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
    """A provider in the calls of a range of days. measured: calls in which a failure would be known. revenue: its share
    of the calls' prices. unpriced: entries of the ledger without a cost, which counts as 0. latency: by role."""

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
        """Share of the measured calls in which it did not fail; None without such."""
        return round(1 - self.failed_calls / self.measured, 4) if self.measured else None

    @property
    def latency_by_role(self) -> Mapping[str, int]:
        """The p50 in ms of each role that was measured."""
        found = {role: median_ms(turns) for role, turns in sorted(self.latency.items())}
        return {role: ms for role, ms in found.items() if ms is not None}

    @property
    def worst_latency(self) -> int | None:
        """That of the slowest role; None if none was measured."""
        return max(self.latency_by_role.values(), default=None)


@dataclass(frozen=True, slots=True)
class CostOverview:
    """Cost and revenue of a range of days. workspaces: those that cost most."""

    range: DayRange
    cost: Decimal
    revenue: Decimal
    providers: Sequence[ProviderFigures]
    workspaces: Sequence[WorkspaceFigures]
