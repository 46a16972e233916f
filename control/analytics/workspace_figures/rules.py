"""Figures of one workspace, as sums of its roll-ups by quarter of an hour."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from typing import Final
from uuid import UUID

from control.analytics.periods import DayRange
from control.analytics.platform_figures.rules import RevenueParts, split_revenue

STATUSES: Final = ("queued", "ringing", "in_progress", "completed", "failed", "busy", "no_answer", "canceled")
SENTIMENTS: Final = ("positive", "neutral", "negative")


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSums:
    """Sums over calls.

    Attributes:
        seconds: Connected.
        judged: Calls whose success is known.
        successful: Judged calls that succeeded.
        scored: Calls with a sentiment score.
        score_sum: Sum of their scores.
    """

    calls: int = 0
    seconds: int = 0
    inbound: int = 0
    queued: int = 0
    ringing: int = 0
    in_progress: int = 0
    completed: int = 0
    failed: int = 0
    busy: int = 0
    no_answer: int = 0
    canceled: int = 0
    positive: int = 0
    neutral: int = 0
    negative: int = 0
    judged: int = 0
    successful: int = 0
    scored: int = 0
    score_sum: Decimal = Decimal(0)

    @property
    def minutes(self) -> float:
        """Connected minutes."""
        return round(self.seconds / 60, 1)

    @property
    def average_seconds(self) -> float | None:
        """Over all calls, unanswered ones included; None without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else None

    @property
    def success_rate(self) -> float | None:
        """Share of the calls whose success is known; None without such."""
        return round(self.successful / self.judged, 4) if self.judged else None

    @property
    def sentiment_score(self) -> float | None:
        """Average over the calls that have one, -1 to 1; None without such."""
        return round(float(self.score_sum / self.scored), 4) if self.scored else None

    @property
    def by_status(self) -> Mapping[str, int]:
        """Numbers of calls by status, without zeros."""
        return {name: count for name in STATUSES if (count := getattr(self, name))}

    @property
    def by_direction(self) -> Mapping[str, int]:
        """Numbers of inbound and outbound calls."""
        return {"inbound": self.inbound, "outbound": self.calls - self.inbound}

    @property
    def by_sentiment(self) -> Mapping[str, int]:
        """Numbers of calls by sentiment; unknown: calls without one."""
        known = {name: getattr(self, name) for name in SENTIMENTS}
        return {**known, "unknown": self.calls - sum(known.values())}


SUM_NAMES: Final = tuple(field.name for field in fields(CallSums))


def add_sums(parts: Iterable[CallSums]) -> CallSums:
    """Return the sum of several."""
    parts = list(parts)
    return CallSums(**{name: sum(getattr(part, name) for part in parts) for name in SUM_NAMES})


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """An agent's calls.

    Attributes:
        agent_id: None for calls without an agent.
        name: None if the agent no longer exists.
        is_listed: The agent exists.
    """

    agent_id: UUID | None
    name: str | None
    is_listed: bool
    sums: CallSums


@dataclass(frozen=True, slots=True)
class CallOverview:
    """A workspace's calls in a range of days.

    Attributes:
        agents: Those with calls.
        hours: Numbers of calls by hour of the day in the range's zone, where there are any.
    """

    range: DayRange
    total: CallSums
    agents: Sequence[AgentFigures]
    hours: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ResourceCharge:
    """What a resource was charged.

    Attributes:
        quantity: In the ledger's unit.
        unpriced: Entries without a price, which counts as 0.
    """

    resource_type: str
    quantity: Decimal
    price: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class ChargeOverview:
    """What a workspace was charged in a range of days.

    Attributes:
        currency: Of all amounts (ISO 4217, lower case).
        resources: With credits, which are no part of the cost.
        by_day: Each day of the range, in order.
    """

    range: DayRange
    currency: str
    resources: Sequence[ResourceCharge]
    by_day: Sequence[tuple[date, Decimal]]

    @property
    def parts(self) -> RevenueParts:
        """What the cost consists of, and the credits."""
        return split_revenue({resource.resource_type: resource.price for resource in self.resources})
