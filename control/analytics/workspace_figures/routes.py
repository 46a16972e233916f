"""Routes of a workspace's figures for its members."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.analytics.fields import MemberRangeQuery
from control.analytics.periods import RANGE_ERRORS, DayRange
from control.analytics.workspace_figures.rules import AgentFigures, CallOverview, ChargeOverview
from control.analytics.workspace_figures.service import WorkspaceAnalytics
from control.http.access import member
from control.http.body import Currency, Money
from control.http.context import MemberContext
from control.http.fields import AgentId, FirstDay, LastDay, TotalCalls
from control.http.route import Route


@dataclass(frozen=True, slots=True)
class LocalHourView:
    """Calls that began in an hour of the day, in the answer's time zone."""

    hour: Annotated[int, Field(description="Hour of the day in the workspace's time zone, 0 to 23.", examples=[14])]
    calls: Annotated[int, Field(description="Number of calls that began in that hour.", examples=[31])]


@dataclass(frozen=True, slots=True)
class AgentCallsView:
    """An agent's calls."""

    agent_id: Annotated[UUID | None, Field(description="Id of the agent. Null for calls without an agent.")]
    name: Annotated[
        str | None,
        Field(description="Name of the agent. Null once the agent is purged.", examples=["Riverside Dental"]),
    ]
    calls: Annotated[int, Field(description="Number of the agent's calls.", examples=[57])]


@dataclass(frozen=True, slots=True)
class CallOverviewView:
    """Figures of the calls of a range of days."""

    first_day: FirstDay
    last_day: LastDay
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    total_calls: TotalCalls
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    avg_call_duration: Annotated[
        float | None,
        Field(
            description="Average seconds of a call, including unanswered calls. Null without calls.", examples=[94.8]
        ),
    ]
    calls_by_status: Annotated[
        Mapping[str, int],
        Field(description="Number of calls by status.", examples=[{"completed": 105, "no_answer": 23}]),
    ]
    calls_by_direction: Annotated[
        Mapping[str, int],
        Field(description="Number of calls by direction.", examples=[{"inbound": 120, "outbound": 8}]),
    ]
    calls_by_agent: Annotated[list[AgentCallsView], Field(description="Calls by agent, busiest first.")]
    peak_hours: Annotated[list[LocalHourView], Field(description="Hours with calls, busiest first.")]
    sentiment_distribution: Annotated[
        Mapping[str, int],
        Field(
            description="Number of calls by sentiment. `unknown`: calls without a sentiment.",
            examples=[{"positive": 60, "neutral": 40, "negative": 5, "unknown": 23}],
        ),
    ]
    success_rate: Annotated[
        float | None,
        Field(
            description="Share of successful calls among those with a known outcome, 0 to 1.",
            examples=[0.91],
        ),
    ]
    sentiment_score: Annotated[
        float | None,
        Field(description="The callers' mood from -1 (very negative) to 1. Null if it is unknown.", examples=[0.4]),
    ]


@dataclass(frozen=True, slots=True)
class AgentFiguresView:
    """Figures of an agent's calls."""

    agent_id: AgentId
    name: Annotated[
        str | None,
        Field(description="Name of the agent. Null once the agent is purged.", examples=["Riverside Dental"]),
    ]
    total_calls: TotalCalls
    total_minutes: Annotated[float, Field(description="Minutes of all calls, without test calls.", examples=[12840.5])]
    judged_calls: Annotated[int, Field(description="Number of calls with a known outcome.", examples=[90])]
    success_rate: Annotated[
        float | None,
        Field(
            description="Share of successful calls among those with a known outcome, 0 to 1.",
            examples=[0.91],
        ),
    ]
    avg_duration: Annotated[
        float | None, Field(description="Average duration of a call in seconds. Null without calls.", examples=[94.2])
    ]
    sentiment_score: Annotated[
        float | None,
        Field(description="Average sentiment score of the calls, -1 to 1. Null without scores.", examples=[0.42]),
    ]


@dataclass(frozen=True, slots=True)
class AgentFiguresList:
    """Existing agents, and deleted agents with calls in the range, busiest first."""

    first_day: FirstDay
    last_day: LastDay
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    agents: Annotated[list[AgentFiguresView], Field(description="The agents.")]


@dataclass(frozen=True, slots=True)
class ResourceChargeView:
    """The charges for a resource."""

    resource_type: Annotated[str, Field(description="What was consumed.", examples=["stt"])]
    quantity: Annotated[float, Field(description="How much was consumed, in the resource's unit.", examples=[7704])]
    cost: Annotated[Money, Field(description="Charged amount in major units.", examples=[12.25])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class DailyChargeView:
    """The charges of a day."""

    date: Annotated[date, Field(description="The day.", examples=["2026-11-26"])]
    cost: Annotated[Money, Field(description="Charged amount in major units.", examples=[2.1])]
    currency: Currency


@dataclass(frozen=True, slots=True)
class ChargeOverviewView:
    """What a workspace was charged in a range of days, without tax and before credits."""

    first_day: FirstDay
    last_day: LastDay
    timezone: Annotated[
        str, Field(description="Time zone of the workspace: a name of the IANA database.", examples=["Europe/Berlin"])
    ]
    current_period_cost: Annotated[
        Money,
        Field(description="usage_billed and fees_accrued of the range of days, in major units.", examples=[61.25]),
    ]
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
        Money, Field(description="Credits that invoices used, as a negative amount in major units.", examples=[-20.0])
    ]
    currency: Currency
    unpriced: Annotated[
        int, Field(description="Number of ledger entries without a known price, which the sum lacks.", examples=[0])
    ]
    by_resource: Annotated[list[ResourceChargeView], Field(description="Charges by resource, most expensive first.")]
    trend: Annotated[list[DailyChargeView], Field(description="Each day.")]


def to_overview(found: CallOverview) -> CallOverviewView:
    """Return the call figures as a view."""
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
        calls_by_agent=[AgentCallsView(agent.agent_id, agent.name, agent.sums.calls) for agent in found.agents],
        peak_hours=sorted(hours, key=lambda hour: (-hour.calls, hour.hour)),
        sentiment_distribution=total.by_sentiment,
        success_rate=total.success_rate,
        sentiment_score=total.sentiment_score,
    )


def to_agents(days: DayRange, found: list[AgentFigures]) -> AgentFiguresList:
    """Return the agents' figures as a view."""
    agents = [_to_agent(agent.agent_id, agent) for agent in found if agent.agent_id is not None]
    return AgentFiguresList(days.first, days.last, days.zone, agents)


def to_charges(found: ChargeOverview) -> ChargeOverviewView:
    """Return the charges as a view."""
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
        unpriced=sum(resource.unpriced for resource in found.resources),
        by_resource=[
            ResourceChargeView(resource.resource_type, float(resource.quantity), resource.price, found.currency)
            for resource in found.resources
            if resource.resource_type != "credit"
        ],
        trend=[DailyChargeView(day, price, found.currency) for day, price in found.by_day],
    )


def _to_agent(agent_id: UUID, figures: AgentFigures) -> AgentFiguresView:
    return AgentFiguresView(
        agent_id=agent_id,
        name=figures.name,
        total_calls=figures.sums.calls,
        total_minutes=figures.sums.minutes,
        judged_calls=figures.sums.judged,
        success_rate=figures.sums.success_rate,
        avg_duration=figures.sums.average_seconds,
        sentiment_score=figures.sums.sentiment_score,
    )


ANALYTICS = "/workspaces/{workspaceId}/analytics"


async def get_call_overview(context: MemberContext, query: MemberRangeQuery) -> CallOverviewView:
    """Return the calls by status, direction, agent, hour and sentiment, without test calls."""
    analytics, workspace_id = context.services[WorkspaceAnalytics], context.workspace_id
    return to_overview(await analytics.get_overview(context.db, workspace_id, query.to_choice(), context.now))


async def list_agent_figures(context: MemberContext, query: MemberRangeQuery) -> AgentFiguresList:
    """Return the figures of each agent's calls, without test calls."""
    analytics, workspace_id = context.services[WorkspaceAnalytics], context.workspace_id
    return to_agents(*await analytics.get_agents(context.db, workspace_id, query.to_choice(), context.now))


async def get_charges(context: MemberContext, query: MemberRangeQuery) -> ChargeOverviewView:
    """Return what the workspace was charged, by resource and day."""
    analytics, workspace_id = context.services[WorkspaceAnalytics], context.workspace_id
    return to_charges(await analytics.get_costs(context.db, workspace_id, query.to_choice(), context.now))


ROUTES = (
    Route("GET", f"{ANALYTICS}/overview", get_call_overview, member("viewer", "analytics:read"), errors=RANGE_ERRORS),
    Route("GET", f"{ANALYTICS}/agents", list_agent_figures, member("viewer", "analytics:read"), errors=RANGE_ERRORS),
    Route("GET", f"{ANALYTICS}/costs", get_charges, member("viewer", "analytics:read"), errors=RANGE_ERRORS),
)
