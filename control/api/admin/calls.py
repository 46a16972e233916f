"""Routes of all workspaces' calls, for the staff."""

from uuid import UUID

from pydantic import Field

from control.api.admin.calls_views import (
    AdminCallAnswer,
    AdminCallEvents,
    AdminCallList,
    AdminLiveCalls,
    to_answer,
    to_live,
    to_row,
)
from control.api.call_queries import CarrierCallId, EventsQuery
from control.calls.record_model import CallFilter
from control.http.access import admin
from control.http.context import AdminContext
from control.http.pagination import PageQuery, UtcDatetime
from control.http.route import Route
from shared.events import CallStatus

CALLS = "/admin/calls"
# Calls hold callers' numbers and words, which finance has no need to see.
READERS = admin("support", "read_only")


class AdminCallsQuery(PageQuery):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only calls of this workspace.")
    status: CallStatus | None = Field(None, description="Only those with this status.")
    carrier_call_id: CarrierCallId | None = Field(None, description="Only the call with this id at its carrier.")
    since: UtcDatetime | None = Field(None, alias="from", description="Only calls created at or after this time.")
    until: UtcDatetime | None = Field(None, alias="to", description="Only calls created before this time.")


async def list_calls(context: AdminContext, query: AdminCallsQuery) -> AdminCallList:
    """The platform's calls, newest first."""
    wanted = CallFilter(
        workspace_id=query.workspace_id,
        status=query.status,
        carrier_call_id=query.carrier_call_id,
        since=query.since,
        until=query.until,
    )
    records = context.services.calls.records
    calls, total = await records.list_page(context.db, wanted, offset=query.offset, limit=query.limit)
    return AdminCallList([to_row(call) for call in calls], total, query.page, query.limit)


async def list_live(context: AdminContext) -> AdminLiveCalls:
    """The platform's calls that have not ended."""
    calls = await context.services.calls.records.list_open(context.db, None)
    return AdminLiveCalls([to_live(call, context.now) for call in calls])


async def get_call(context: AdminContext, call_id: UUID) -> AdminCallAnswer:
    """A call with all its data."""
    return to_answer(await context.services.calls.records.get(context.db, None, call_id))


async def list_events(context: AdminContext, call_id: UUID, query: EventsQuery) -> AdminCallEvents:
    """All events of the call, in order."""
    records = context.services.calls.records
    events = await records.list_events(context.db, None, call_id, after_seq=query.after_seq, most=query.limit)
    return AdminCallEvents(events)


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, READERS),
    Route("GET", f"{CALLS}/live", list_live, READERS),
    Route("GET", f"{CALLS}/{{callId}}", get_call, READERS),
    Route("GET", f"{CALLS}/{{callId}}/events", list_events, READERS, beyond_spec=True),
)
