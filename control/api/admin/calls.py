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
from control.api.call_queries import CallListQuery, EventsQuery
from control.http.access import admin
from control.http.context import AdminContext
from control.http.pagination import page_fields
from control.http.route import Route

CALLS = "/admin/calls"
# Calls hold callers' numbers and words, which finance has no need to see.
READERS = admin("support", "read_only")


class AdminCallsQuery(CallListQuery):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only calls of this workspace.")


async def list_calls(context: AdminContext, query: AdminCallsQuery) -> AdminCallList:
    """The platform's calls, newest first."""
    wanted = query.to_filter(query.workspace_id)
    found = await context.services.calls.records.list_page(context.db, wanted, page=query.request())
    return AdminCallList([to_row(call) for call in found.rows], **page_fields(query, found))


async def list_live(context: AdminContext) -> AdminLiveCalls:
    """The platform's calls that have not ended."""
    found = await context.services.calls.records.list_open(context.db, None)
    return AdminLiveCalls([to_live(call, context.now) for call in found.rows], found.has_more)


async def get_call(context: AdminContext, call_id: UUID) -> AdminCallAnswer:
    """A call with all its data."""
    return to_answer(await context.services.calls.records.get(context.db, None, call_id))


async def list_events(context: AdminContext, call_id: UUID, query: EventsQuery) -> AdminCallEvents:
    """All events of the call, in order."""
    records = context.services.calls.records
    found = await records.list_events(context.db, None, call_id, after_seq=query.after_seq, most=query.limit)
    return AdminCallEvents(found.rows, found.has_more)


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, READERS),
    Route("GET", f"{CALLS}/live", list_live, READERS),
    Route("GET", f"{CALLS}/{{callId}}", get_call, READERS),
    Route("GET", f"{CALLS}/{{callId}}/events", list_events, READERS, beyond_spec=True),
)
