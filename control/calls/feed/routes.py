"""The route of the live desk's stream."""

from functools import partial
from uuid import UUID

from pydantic import Field

from control.calls.feed.service import BEAT_S, LONGEST_S, LiveFeed
from control.calls.records.service import CallRecords
from control.http.access import member
from control.http.context import MemberContext
from control.http.pagination import Query
from control.http.responses.live_response import LiveResponse
from control.http.route import RateLimit, Route


class LiveEventsQuery(Query):
    """Which events."""

    call_id: UUID | None = Field(
        None, description="Also sends each event of this call, from its beginning, as `call_event`."
    )


async def follow_calls(context: MemberContext, query: LiveEventsQuery) -> LiveResponse:
    """Follows the workspace's running calls as server-sent events. `snapshot` comes first, then `call`, `ended` and,
    with `call_id`, `call_event`. Read it with `fetch`, because `EventSource` sends no header."""
    feed = context.services[LiveFeed]
    feed.require_room(context.workspace_id)
    if query.call_id is not None:
        await context.services[CallRecords].find(context.db, context.workspace_id, query.call_id)
    return LiveResponse(partial(feed.stream, context.workspace_id, query.call_id), 2 * BEAT_S, 2 * LONGEST_S)


ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/workspaces/{workspaceId}/calls/live/events",
        follow_calls,
        member("viewer", "calls:read"),
        limit=RateLimit("live-events", 60, 60, per_user=True),
        beyond_spec=True,
        errors=("404 call_not_found", "429 too_many_streams"),
    ),
)
