"""Response models of analytics (client API)."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from control.analytics.periods import DayRange
from control.analytics.workspace_figures import AgentFigures, CallOverview, ChargeOverview
from control.http.body import Currency, Money


@dataclass(frozen=True, slots=True)
class LocalHourView:
    """Calls that began in an hour of the day, in the answer's time zone."""

    hour: int
    calls: int


@dataclass(frozen=True, slots=True)
class AgentCallsView:
    """An agent's calls. agent_id: null for calls without an agent. name: null once the agent is purged."""

    agent_id: UUID | None
    name: str | None
    calls: int


@dataclass(frozen=True, slots=True)
class CallOverviewView:
    """Calls of a range of days. avg_call_duration: seconds of a call, unanswered ones included; null without calls.
    calls_by_agent: the busiest first. peak_hours: hours with calls, the busiest first."""

    first_day: date
    last_day: date
    timezone: str
    total_calls: int
    total_minutes: float
    avg_call_duration: float | None
    calls_by_status: Mapping[str, int]
    calls_by_direction: Mapping[str, int]
    calls_by_agent: list[AgentCallsView]
    peak_hours: list[LocalHourView]
    sentiment_distribution: Mapping[str, int]
    success_rate: float | None
    sentiment_score: float | None


@dataclass(frozen=True, slots=True)
class AgentFiguresView:
    """How an agent did. name: null once the agent is purged. avg_duration: seconds of a call; null without calls."""

    agent_id: UUID
    name: str | None
    total_calls: int
    total_minutes: float
    judged_calls: int
    success_rate: float | None
    avg_duration: float | None
    sentiment_score: float | None


@dataclass(frozen=True, slots=True)
class AgentFiguresList:
    """Agents that exist, and deleted ones with calls in the range, the busiest first."""

    first_day: date
    last_day: date
    timezone: str
    agents: list[AgentFiguresView]


@dataclass(frozen=True, slots=True)
class ResourceChargeView:
    """What a resource was charged. quantity: seconds of calls, days of numbers, the share of the period of a
    subscription. cost: negative for what is deducted, such as included minutes."""

    resource_type: str
    quantity: float
    cost: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class DailyChargeView:
    """What was charged on a day."""

    date: date
    cost: Money
    currency: Currency


@dataclass(frozen=True, slots=True)
class ChargeOverviewView:
    """What the workspace was charged in a range of days, without tax and before credits: billed usage and the fees of
    these days. unpriced: entries of the ledger without a price yet, which count as 0. trend: each day."""

    first_day: date
    last_day: date
    timezone: str
    current_period_cost: Money
    usage_list_price: Money
    usage_billed: Money
    fees_accrued: Money
    credits: Money
    currency: Currency
    unpriced: int
    by_resource: list[ResourceChargeView]
    trend: list[DailyChargeView]


def to_overview(found: CallOverview) -> CallOverviewView:
    """Calls as a view."""
    total = found.total
    hours = [LocalHourView(hour, calls) for hour, calls in found.hours.items()]
    return CallOverviewView(
        first_day=found.range.first,
        last_day=found.range.last,
        timezone=found.range.zone,
        total_calls=total.calls,
        total_minutes=total.minutes,
        avg_call_duration=total.average_seconds,
        calls_by_status=total.by_status,
        calls_by_direction=total.by_direction,
        calls_by_agent=[AgentCallsView(one.agent_id, one.name, one.sums.calls) for one in found.agents],
        peak_hours=sorted(hours, key=lambda one: (-one.calls, one.hour)),
        sentiment_distribution=total.by_sentiment,
        success_rate=total.success_rate,
        sentiment_score=total.sentiment_score,
    )


def to_agents(days: DayRange, found: list[AgentFigures]) -> AgentFiguresList:
    """Agents as a view."""
    agents = [_to_agent(one.agent_id, one) for one in found if one.agent_id is not None]
    return AgentFiguresList(days.first, days.last, days.zone, agents)


def to_charges(found: ChargeOverview) -> ChargeOverviewView:
    """Charges as a view."""
    parts = found.parts
    return ChargeOverviewView(
        first_day=found.range.first,
        last_day=found.range.last,
        timezone=found.range.zone,
        current_period_cost=parts.total,
        usage_list_price=parts.list_price,
        usage_billed=parts.usage,
        fees_accrued=parts.fees,
        credits=parts.credits,
        currency=found.currency,
        unpriced=sum(one.unpriced for one in found.resources),
        by_resource=[
            ResourceChargeView(one.resource_type, float(one.quantity), one.price, found.currency)
            for one in found.resources
            if one.resource_type != "credit"
        ],
        trend=[DailyChargeView(day, price, found.currency) for day, price in found.by_day],
    )


def _to_agent(agent_id: UUID, one: AgentFigures) -> AgentFiguresView:
    return AgentFiguresView(
        agent_id=agent_id,
        name=one.name,
        total_calls=one.sums.calls,
        total_minutes=one.sums.minutes,
        judged_calls=one.sums.judged,
        success_rate=one.sums.success_rate,
        avg_duration=one.sums.average_seconds,
        sentiment_score=one.sums.sentiment_score,
    )
