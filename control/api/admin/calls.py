"""Routes of all workspaces' calls, for the staff. What was said in a call is read with a reason, which the workspace's
owner sees."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from control.api.admin.calls_views import (
    AdminCallAnswer,
    AdminCallEvents,
    AdminCallList,
    AdminLiveCalls,
    Ended,
    to_answer,
    to_live,
    to_row,
    without_content,
)
from control.api.call_queries import CallListQuery, EventsQuery
from control.calls.records.rules import CallSummary
from control.calls.service import Calls
from control.http.access import admin
from control.http.body import ONE_LINE, Body
from control.http.context import AdminContext
from control.http.fields import CallId
from control.http.pagination import Query, page_fields
from control.http.route import Route
from control.platform.content_reads import ReadContent, record_read, record_search
from shared.errors import Invalid

CALLS = "/admin/calls"
# Calls hold callers' numbers and words, which finance has no need to see.
READERS = admin("support", "read_only")
Reason = Annotated[str, StringConstraints(strip_whitespace=True, min_length=3, max_length=500, pattern=ONE_LINE)]
_REASON = "Why this is read, such as the number of a ticket; the workspace's owner sees it."


class AdminCallsQuery(CallListQuery):
    """Filters of the list."""

    workspace_id: UUID | None = Field(None, description="Only calls of this workspace.")
    reason: Reason | None = Field(
        None,
        description=f"{_REASON} Required with `q`, because its answer tells what was said.",
        examples=["Ticket 1234"],
    )


class AdminCallQuery(Query):
    """Whether the content is asked for."""

    reason: Reason | None = Field(
        None, description=f"{_REASON} Without it the content is withheld.", examples=["Payment overdue"]
    )


class AdminEventsQuery(EventsQuery):
    """Filters of the list."""

    reason: Reason = Field(description=_REASON, examples=["Ticket 1234: caller heard nothing"])


class AdminEnding(Body):
    """How the call ends."""

    polite: bool = Field(True, description="The agent says goodbye first.")
    reason: Reason | None = Field(
        None, description="Why the staff ends it, for the audit log.", examples=["Ticket 1234: toll fraud"]
    )


async def list_calls(context: AdminContext, query: AdminCallsQuery) -> AdminCallList:
    """The platform's calls, newest first. A search by words needs a `reason`, which is written to the audit log of each
    workspace that it answers calls of."""
    wanted = query.to_filter(query.workspace_id)
    if wanted.text is not None and query.reason is None:
        raise Invalid("Say why transcripts are searched.", param="reason", code="reason_required")
    found = await context.services[Calls].records.list_page(context.db, wanted, page=query.request())
    if wanted.text is not None and query.reason is not None:
        await _record_search(context, query.workspace_id, found.rows, query.reason)
    return AdminCallList([to_row(call) for call in found.rows], **page_fields(query, found))


async def list_live(context: AdminContext) -> AdminLiveCalls:
    """The platform's calls that have not ended."""
    found = await context.services[Calls].records.list_open(context.db, None)
    return AdminLiveCalls([to_live(call, context.now) for call in found.rows], found.has_more)


async def end_call(context: AdminContext, call_id: CallId, body: AdminEnding) -> Ended:
    """Ends a call of any workspace: queued, ringing, in progress or transferred. A call that is over stays as it is, so
    a repeated request is harmless."""
    is_ending = await context.services[Calls].end_by_staff(
        context.db, context.actor, call_id, body.reason, context.now, polite=body.polite
    )
    return Ended("ending" if is_ending else "ended")


async def get_call(context: AdminContext, call_id: CallId, query: AdminCallQuery) -> AdminCallAnswer:
    """A call with all its data. What was said is answered with a `reason` only, which is written to the audit log."""
    call = await context.services[Calls].records.get(context.db, None, call_id)
    if query.reason is None:
        return to_answer(without_content(call), is_content_withheld=True)
    await _record_read(context, call.summary_line.workspace_id, call_id, "call", query.reason)
    return to_answer(call, is_content_withheld=False)


async def list_events(context: AdminContext, call_id: CallId, query: AdminEventsQuery) -> AdminCallEvents:
    """All events of the call, in order. The reason is written to the audit log."""
    records = context.services[Calls].records
    call = await records.find(context.db, None, call_id)
    await _record_read(context, call.summary_line.workspace_id, call_id, "events", query.reason)
    found = await records.list_events(context.db, None, call_id, after_seq=query.after_seq, most=query.limit)
    return AdminCallEvents(found.rows, found.has_more)


async def _record_search(
    context: AdminContext, searched: UUID | None, found: Sequence[CallSummary], reason: str
) -> None:
    """searched: the only workspace; also where nothing is found in it, because that tells something, too."""
    counts = Counter(call.workspace_id for call in found)
    for workspace_id in sorted({*counts, *([searched] if searched else [])}):
        await record_search(context.db, context.actor, workspace_id, counts[workspace_id], reason)


async def _record_read(
    context: AdminContext, workspace_id: UUID, call_id: UUID, content: ReadContent, reason: str
) -> None:
    await record_read(context.db, context.actor, workspace_id, call_id, content, reason)


ROUTES: tuple[Route, ...] = (
    Route("GET", CALLS, list_calls, READERS),
    Route("GET", f"{CALLS}/live", list_live, READERS),
    Route("GET", f"{CALLS}/{{callId}}", get_call, READERS),
    Route("POST", f"{CALLS}/{{callId}}/end", end_call, admin("support"), beyond_spec=True),
    Route("GET", f"{CALLS}/{{callId}}/events", list_events, READERS, beyond_spec=True),
)
