"""Phone calls of all workspaces, for the staff."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import Field

from control.calls.listed import CallLine, Filter
from control.calls.model import Direction
from control.calls.turns import Turn
from control.http.access import admin
from control.http.body import Money
from control.http.context import AdminContext
from control.http.page import Moment, PageQuery
from control.http.route import Route
from shared.events import EndReason, Status

CALLS = "/admin/calls"
# Callers' numbers and words are the customers': finance has no need of them.
READERS = admin("support", "read_only")


class AdminCallsQuery(PageQuery):
    """Which calls."""

    workspace_id: UUID | None = Field(None, description="Only this workspace's.")
    status: Status | None = Field(None, description="Only those with this status.")
    since: Moment | None = Field(None, alias="from", description="Made from this moment on.")
    until: Moment | None = Field(None, alias="to", description="Made before this moment.")


@dataclass(frozen=True, slots=True)
class AdminCallRow:
    """A call in the list."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_name: str | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: Status
    end_reason: EndReason | None
    is_test: bool
    carrier: str
    duration_seconds: int
    cost_total: Money
    created_at: datetime
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AdminCallList:
    """A page of calls, newest first. total: no more than 100,000 are counted; what lies deeper is asked for by its
    time."""

    calls: list[AdminCallRow]
    total: int
    page: int
    limit: int


@dataclass(frozen=True, slots=True)
class AdminLiveCall:
    """A call that is not over. duration_so_far: seconds since it was answered, 0 before."""

    id: UUID
    workspace_id: UUID
    workspace_name: str
    agent_name: str | None
    caller_number: str | None
    direction: Direction
    status: Status
    duration_so_far: int
    started_at: datetime | None


@dataclass(frozen=True, slots=True)
class AdminLiveCalls:
    """Those that are not over, the longest first; up to 1,000."""

    active_calls: list[AdminLiveCall]


@dataclass(frozen=True, slots=True)
class AdminCall:
    """A call in full. details: usage, carrier, media streams, gaps and whatever else was noted."""

    id: UUID
    agent_version: int | None
    phone_number_id: UUID | None
    caller_number: str | None
    called_number: str | None
    direction: Direction
    status: Status
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
    transcription: str | None
    summary: str | None
    sentiment: str | None
    details: Mapping[str, Any]
    turns: Sequence[Turn]


@dataclass(frozen=True, slots=True)
class Named:
    """By id and name."""

    id: UUID
    name: str


@dataclass(frozen=True, slots=True)
class AdminCallAnswer:
    """A call, where it belongs and who answered."""

    call: AdminCall
    workspace: Named
    agent: Named | None


async def list_calls(context: AdminContext, query: AdminCallsQuery) -> AdminCallList:
    """The platform's calls, newest first."""
    wanted = Filter(workspace_id=query.workspace_id, status=query.status, since=query.since, until=query.until)
    records = context.services.calls.records
    calls, total = await records.page(context.db, wanted, offset=query.offset, limit=query.limit)
    return AdminCallList([_row(call) for call in calls], total, query.page, query.limit)


async def list_live(context: AdminContext) -> AdminLiveCalls:
    """The platform's calls that are not over."""
    calls = await context.services.calls.records.live(context.db, None)
    return AdminLiveCalls([_live(call, context.now) for call in calls])


async def get_call(context: AdminContext, call_id: UUID) -> AdminCallAnswer:
    """A call in full."""
    call = await context.services.calls.records.get(context.db, None, call_id)
    line = call.line
    agent = Named(line.agent_id, line.agent_name) if line.agent_id and line.agent_name is not None else None
    told = {name: getattr(line, name) for name in AdminCall.__slots__ if hasattr(line, name)}
    more = {name: getattr(call, name) for name in AdminCall.__slots__ if hasattr(call, name) and name not in told}
    view = AdminCall(**told, **more, has_recording=call.recording_key is not None)
    return AdminCallAnswer(view, Named(line.workspace_id, line.workspace_name), agent)


def _row(line: CallLine) -> AdminCallRow:
    return AdminCallRow(**{name: getattr(line, name) for name in AdminCallRow.__slots__})


def _live(line: CallLine, now: datetime) -> AdminLiveCall:
    seconds = max(0, int((now - line.answered_at).total_seconds())) if line.answered_at else 0
    given = {name: getattr(line, name) for name in AdminLiveCall.__slots__ if name != "duration_so_far"}
    return AdminLiveCall(**given, duration_so_far=seconds)


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, READERS),
    Route("GET", f"{CALLS}/live", list_live, READERS),
    Route("GET", f"{CALLS}/{{callId}}", get_call, READERS),
)
