"""Figures of a workspace, as sums of its roll-ups by quarter of an hour."""

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
        seconds: Connected seconds.
        judged: Number of calls with a known outcome.
        successful: Number of judged calls that succeeded.
        scored: Number of calls with a sentiment score.
        score_sum: Sum of the sentiment scores.
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
        """Average over all calls, including unanswered calls. None without calls."""
        return round(self.seconds / self.calls, 1) if self.calls else None

    @property
    def success_rate(self) -> float | None:
        """Share of successful calls among the judged calls. None without judged calls."""
        return round(self.successful / self.judged, 4) if self.judged else None

    @property
    def sentiment_score(self) -> float | None:
        """Average sentiment score, -1 to 1. None without scored calls."""
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
        """Numbers of calls by sentiment. `unknown` counts calls without a sentiment."""
        known = {name: getattr(self, name) for name in SENTIMENTS}
        return {**known, "unknown": self.calls - sum(known.values())}


SUM_NAMES: Final = tuple(field.name for field in fields(CallSums))


def add_sums(parts: Iterable[CallSums]) -> CallSums:
    """Return the sum of the parts."""
    parts = list(parts)
    return CallSums(**{name: sum(getattr(part, name) for part in parts) for name in SUM_NAMES})


@dataclass(frozen=True, slots=True)
class AgentFigures:
    """An agent's calls.

    Attributes:
        agent_id: None for calls without an agent.
        name: None if the agent no longer exists.
        is_listed: Whether the agent exists.
    """

    agent_id: UUID | None
    name: str | None
    is_listed: bool
    sums: CallSums


@dataclass(frozen=True, slots=True)
class CallOverview:
    """A workspace's calls in a range of days.

    Attributes:
        agents: Agents with calls.
        hours: Numbers of calls by hour of the day in the range's zone. Hours without calls are left out.
    """

    range: DayRange
    total: CallSums
    agents: Sequence[AgentFigures]
    hours: Mapping[int, int]


@dataclass(frozen=True, slots=True)
class ResourceCharge:
    """The charges for a resource.

    Attributes:
        quantity: In the ledger's unit.
        unpriced: Number of entries without a price, which count as 0.
    """

    resource_type: str
    quantity: Decimal
    price: Decimal
    unpriced: int


@dataclass(frozen=True, slots=True)
class ChargeOverview:
    """What a workspace was charged in a range of days.

    Attributes:
        currency: Currency of all amounts (ISO 4217, lower case).
        resources: Charges by resource, including credits, which are not part of the cost.
        by_day: Charges of each day of the range, in order.
    """

    range: DayRange
    currency: str
    resources: Sequence[ResourceCharge]
    by_day: Sequence[tuple[date, Decimal]]

    @property
    def parts(self) -> RevenueParts:
        """The parts of the cost, and the credits."""
        return split_revenue({resource.resource_type: resource.price for resource in self.resources})
