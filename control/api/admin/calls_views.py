"""Response models of calls (admin API)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

from msgspec import structs
from pydantic import Field

from control.analytics.platform_figures import cost_warning
from control.api.call_analysis_views import AdminCallAnalysis, to_admin_analysis
from control.billing.model import ResourceCost
from control.billing.prices import LedgerUnit, Role
from control.calls.records.details import encode_details
from control.calls.records.rules import CallReport, CallSummary, ConversationTurn, Direction, EventLine
from control.http.body import Currency, Money
from control.http.fields import (
    CalledNumber,
    CallerNumber,
    CallerWithheld,
    CallStartedAt,
    Carrier,
    CreatedAt,
    Id,
    IsTest,
    OptionalAgentId,
    ProviderName,
    WorkspaceId,
)
from control.http.pagination import HasMore, ListAnswer
from shared.events import CallStatus, EndReason


@dataclass(frozen=True, slots=True)
class AdminCallRow:
    """A call in the list."""

    id: Id
    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    agent_name: Annotated[str | None, Field(description="Name of the agent; null for none.", examples=["Front desk"])]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    end_reason: Annotated[
        EndReason | None,
        Field(description="How the conversation ended; null while it has not, or for a call without one."),
    ]
    is_test: IsTest
    carrier: Carrier
    duration_seconds: Annotated[
        int, Field(description="Seconds from the answer to the end; 0 for an unanswered call.", examples=[94])
    ]
    cost_total: Annotated[
        Money,
        Field(
            description="What the customer is billed for the call, after included and trial minutes.", examples=[0.06]
        ),
    ]
    cost_list: Annotated[Money, Field(description="The call's minutes at list price, in major units.", examples=[0.19])]
    currency: Currency
    created_at: CreatedAt
    started_at: CallStartedAt
    variables: Annotated[
        Mapping[str, str],
        Field(
            description="What placeholders in the agent's texts stand for in this call.",
            examples=[{"customer_name": "Ada"}],
        ),
    ]
    metadata: Annotated[
        Mapping[str, str],
        Field(
            description="Values of the customer's own, by name; returned as they were sent.",
            examples=[{"order_id": "4711"}],
        ),
    ]


@dataclass(frozen=True, slots=True)
class AdminCallList(ListAnswer):
    """A page of calls, newest first. `total` counts up to 100,000 calls, and is null with `q`."""

    calls: Annotated[list[AdminCallRow], Field(description="The calls.")]


@dataclass(frozen=True, slots=True)
class AdminLiveCall:
    """A call in progress or not answered yet."""

    id: Id
    workspace_id: WorkspaceId
    workspace_name: Annotated[str, Field(description="Name of the workspace.", examples=["Riverside Dental"])]
    agent_id: OptionalAgentId
    agent_name: Annotated[str | None, Field(description="Name of the agent; null for none.", examples=["Front desk"])]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    is_test: IsTest
    duration_so_far: Annotated[int, Field(description="Seconds since it was answered, 0 before.", examples=[12])]
    started_at: CallStartedAt


@dataclass(frozen=True, slots=True)
class AdminLiveCalls:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: Annotated[list[AdminLiveCall], Field(description="The calls.")]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the order."""

    outcome: Annotated[
        Literal["ending", "ended"],
        Field(description="`ending`: the call ends within seconds. `ended`: it was over before."),
    ]


@dataclass(frozen=True, slots=True)
class AdminCallCost:
    """What the call consumed of one resource."""

    resource_type: Annotated[Role, Field(description="What was consumed.")]
    provider: ProviderName
    vendor: Annotated[str, Field(description="The adapter to the provider's API.", examples=["openai"])]
    model: Annotated[
        str,
        Field(description="The model, as the vendor names it; empty where it has none.", examples=["llama-3.3-70b"]),
    ]
    quantity: Annotated[float, Field(description="In `unit`.", examples=[93_100])]
    unit: Annotated[LedgerUnit, Field(description="Unit of `quantity`.", examples=["ms"])]
    cost: Annotated[
        Money | None, Field(description="What we pay for it, in major units; null if it is unknown.", examples=[0.0042])
    ]
    price: Annotated[
        Money | None,
        Field(description="What the customer is charged, in major units; null if it is unknown.", examples=[0.19]),
    ]
    currency: Currency
    price_currency: Currency
    estimated: Annotated[bool, Field(description="We counted at least a part of it ourselves.")]


@dataclass(frozen=True, slots=True)
class AdminCall:
    """A call with all its data."""

    id: Id
    agent_version: Annotated[
        int | None, Field(description="The version of the agent that answers; null without an agent.", examples=[3])
    ]
    phone_number_id: Annotated[UUID | None, Field(description="Id of the workspace's phone number; null for none.")]
    caller_number: CallerNumber
    caller_withheld: CallerWithheld
    called_number: CalledNumber
    direction: Annotated[
        Direction, Field(description="`inbound`: somebody called the workspace's number. `outbound`: an agent called.")
    ]
    status: Annotated[CallStatus, Field(description="Present status.")]
    end_reason: Annotated[
        EndReason | None,
        Field(description="How the conversation ended; null while it has not, or for a call without one."),
    ]
    end_detail: Annotated[
        str | None,
        Field(
            description="More about the end, or why the call was refused; null for nothing more.",
            examples=["over_limit"],
        ),
    ]
    is_test: IsTest
    carrier: Carrier
    carrier_call_id: Annotated[
        str | None,
        Field(
            description="The call's id at its carrier; null before the carrier gave one.",
            examples=["CA0123456789abcdef"],
        ),
    ]
    media_node: Annotated[
        str | None, Field(description="The media node that runs or ran the call; null before.", examples=["media-7f9c"])
    ]
    created_at: CreatedAt
    started_at: CallStartedAt
    answered_at: Annotated[datetime | None, Field(description="When the call was answered (UTC); null if it was not.")]
    ended_at: Annotated[datetime | None, Field(description="When the call ended (UTC); null before.")]
    duration_seconds: Annotated[
        int, Field(description="Seconds from the answer to the end; 0 for an unanswered call.", examples=[94])
    ]
    has_recording: Annotated[bool, Field(description="Whether there is a recording.")]
    cost_total: Annotated[
        Money,
        Field(
            description="What the customer is billed for the call, after included and trial minutes.", examples=[0.06]
        ),
    ]
    cost_list: Annotated[Money, Field(description="The call's minutes at list price, in major units.", examples=[0.19])]
    currency: Currency
    provider_cost: Annotated[
        Money | None,
        Field(
            description="Their sum in US dollars; null if one of them is unknown, and warning says so.", examples=[0.05]
        ),
    ]
    warning: Annotated[
        str | None,
        Field(
            description="Why a cost is too low, and so a margin unknown; null where all costs are known.",
            examples=[None],
        ),
    ]
    transcription: Annotated[
        str | None,
        Field(
            description="What was heard, as text; null if nothing was said.",
            examples=["Agent: Hello.\nCaller: Good morning."],
        ),
    ]
    summary: Annotated[
        str | None,
        Field(
            description="A summary of the conversation; null without one.",
            examples=["The caller booked a check-up for Friday."],
        ),
    ]
    sentiment: Annotated[
        str | None, Field(description="The caller's mood; null while it is unknown.", examples=["positive"])
    ]
    success: Annotated[
        bool | None, Field(description="Whether the agent's criterion of success was met; null while that is unknown.")
    ]
    analysis: Annotated[
        AdminCallAnalysis | None,
        Field(description="What was made of the call after its end; null before, and if nothing was said."),
    ]
    details: Annotated[
        Mapping[str, Any],
        Field(
            description="Usage, carrier, media streams, gaps and other recorded facts.",
            examples=[{"answered_by": "human"}],
        ),
    ]
    costs: Annotated[Sequence[AdminCallCost], Field(description="What it consumed by resource, while it runs, too.")]
    turns: Annotated[Sequence[ConversationTurn], Field(description="The conversation by turns.")]
    variables: Annotated[
        Mapping[str, str],
        Field(
            description="What placeholders in the agent's texts stand for in this call.",
            examples=[{"customer_name": "Ada"}],
        ),
    ]
    metadata: Annotated[
        Mapping[str, str],
        Field(
            description="Values of the customer's own, by name; returned as they were sent.",
            examples=[{"order_id": "4711"}],
        ),
    ]
    is_content_withheld: Annotated[
        bool, Field(description="No reason was given, so transcription, summary and turns are left out.")
    ]


@dataclass(frozen=True, slots=True)
class Named:
    """An id and its name."""

    id: Id
    name: Annotated[str, Field(description="Its name.", examples=["Riverside Dental"])]


@dataclass(frozen=True, slots=True)
class AdminCallAnswer:
    """A call, its workspace and the agent that answered."""

    call: Annotated[AdminCall, Field(description="The call.")]
    workspace: Annotated[Named, Field(description="The workspace.")]
    agent: Annotated[Named | None, Field(description="The agent.")]


@dataclass(frozen=True, slots=True)
class AdminCallEvents:
    """A call's events in the order of their sequence numbers."""

    events: Annotated[list[EventLine], Field(description="The events, in order.")]
    has_more: HasMore


def to_row(line: CallSummary) -> AdminCallRow:
    return AdminCallRow(**{name: getattr(line, name) for name in AdminCallRow.__slots__})


def to_live(line: CallSummary, now: datetime) -> AdminLiveCall:
    seconds = max(0, int((now - line.answered_at).total_seconds())) if line.answered_at else 0
    values = {name: getattr(line, name) for name in AdminLiveCall.__slots__ if name != "duration_so_far"}
    return AdminLiveCall(**values, duration_so_far=seconds)


def without_content(call: CallReport) -> CallReport:
    """The call without what was said in it, and what was concluded from it in words."""
    analysis = structs.replace(call.analysis, success_reason="", extracted=None)
    return replace(call, transcription=None, summary=None, turns=[], analysis=analysis)


def to_answer(call: CallReport, *, is_content_withheld: bool) -> AdminCallAnswer:
    line = call.summary_line
    values = {name: getattr(line, name) for name in AdminCall.__slots__ if hasattr(line, name)}
    values |= {name: getattr(call, name) for name in AdminCall.__slots__ if hasattr(call, name) and name not in values}
    values |= {"has_recording": call.recording_key is not None, "details": encode_details(call.details)}
    costs = [_to_cost(one, line.currency) for one in call.costs]
    unpriced = sum(entry.cost is None for entry in costs)
    values |= {"provider_cost": None if unpriced else sum((entry.cost or 0 for entry in costs), Decimal(0))}
    values |= {"warning": cost_warning(unpriced)}
    values |= {"analysis": to_admin_analysis(call), "costs": costs, "is_content_withheld": is_content_withheld}
    agent = Named(line.agent_id, line.agent_name) if line.agent_id and line.agent_name is not None else None
    return AdminCallAnswer(AdminCall(**values), Named(line.workspace_id, line.workspace_name), agent)


def _to_cost(cost: ResourceCost, price_currency: str) -> AdminCallCost:
    values = {name: getattr(cost, name) for name in AdminCallCost.__slots__ if name != "price_currency"}
    return AdminCallCost(**{**values, "quantity": float(cost.quantity)}, price_currency=price_currency)
