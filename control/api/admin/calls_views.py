"""Response models of calls (admin API)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from msgspec import structs

from control.analytics.platform_figures import cost_warning
from control.api.call_analysis_views import AdminCallAnalysis, to_admin_analysis
from control.billing.model import ResourceCost
from control.billing.prices import LedgerUnit, Role
from control.calls.details import encode_details
from control.calls.model import Direction
from control.calls.record_model import CallReport, CallSummary, EventLine
from control.calls.turns import ConversationTurn
from control.http.body import Currency, Money
from control.http.pagination import HasMore, ListAnswer
from shared.events import CallStatus, EndReason


@dataclass(frozen=True, slots=True)
class AdminCallRow:
    """A call in the list."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_name: str | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
    end_reason: EndReason | None
    is_test: bool
    carrier: str
    duration_seconds: int
    cost_total: Money
    cost_list: Money
    currency: Currency
    created_at: datetime
    started_at: datetime | None
    variables: Mapping[str, str]
    metadata: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class AdminCallList(ListAnswer):
    """A page of calls, newest first. total: counts up to 100,000 calls; null with `q` and next to a call. Older calls
    are reached by starting_after, or by `to`."""

    calls: list[AdminCallRow]


@dataclass(frozen=True, slots=True)
class AdminLiveCall:
    """A call in progress or not answered yet. duration_so_far: seconds since it was answered, 0 before."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_id: UUID | None
    agent_name: str | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
    is_test: bool
    duration_so_far: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AdminLiveCalls:
    """Calls that have not ended, the longest first; up to 1,000."""

    active_calls: list[AdminLiveCall]
    has_more: HasMore


@dataclass(frozen=True, slots=True)
class Ended:
    """What became of the order. outcome: `ending` (the call ends within seconds) or `ended` (the call was over)."""

    outcome: Literal["ending", "ended"]


@dataclass(frozen=True, slots=True)
class AdminCallCost:
    """What the call consumed of one resource. cost: what we pay for it, null if unknown, in `currency`. price:
    what the customer is charged, null if unknown, in `price_currency`. estimated: we counted at least a part of it
    ourselves. quantity: in `unit`."""

    resource_type: Role
    provider: str
    vendor: str
    model: str
    quantity: float
    unit: LedgerUnit
    cost: Money | None
    price: Money | None
    currency: Currency
    price_currency: Currency
    estimated: bool


@dataclass(frozen=True, slots=True)
class AdminCall:
    """A call with all its data. costs: what it consumed by resource, while it runs, too. provider_cost: their sum in US
    dollars; null if one of them is unknown, and warning says so. details: usage, carrier, media
    streams, gaps and other recorded facts. is_content_withheld: no reason was given, so transcription, summary and
    turns are left out."""

    id: UUID
    agent_version: int | None
    phone_number_id: UUID | None
    caller_number: str | None
    caller_withheld: bool
    called_number: str | None
    direction: Direction
    status: CallStatus
    end_reason: EndReason | None
    end_detail: str | None
    is_test: bool
    carrier: str
    carrier_call_id: str | None
    media_node: str | None
    created_at: datetime
    started_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    duration_seconds: int
    has_recording: bool
    cost_total: Money
    cost_list: Money
    currency: Currency
    provider_cost: Money | None
    warning: str | None
    transcription: str | None
    summary: str | None
    sentiment: str | None
    success: bool | None
    analysis: AdminCallAnalysis | None
    details: Mapping[str, Any]
    costs: Sequence[AdminCallCost]
    turns: Sequence[ConversationTurn]
    variables: Mapping[str, str]
    metadata: Mapping[str, str]
    is_content_withheld: bool


@dataclass(frozen=True, slots=True)
class Named:
    """An id and its name."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class AdminCallAnswer:
    """A call, its workspace and the agent that answered."""

    call: AdminCall
    workspace: Named
    agent: Named | None


@dataclass(frozen=True, slots=True)
class AdminCallEvents:
    """A call's events in the order of their sequence numbers."""

    events: list[EventLine]
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
