"""The routes of the live desk's streams."""

from functools import partial
from typing import Final
from uuid import UUID

from pydantic import Field

from control.calls.feed.rules import Follower
from control.calls.feed.service import BEAT_S, LONGEST_S, LiveFeed
from control.calls.records.service import CallRecords
from control.http.access import ANY_ADMIN, member
from control.http.context import AdminContext, MemberContext
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
    if query.call_id is not None:
        await context.services[CallRecords].find(context.db, context.workspace_id, query.call_id)
    person = context.user_id if context.key is None else context.key.id
    return _follow(context, Follower(context.workspace_id, person), query.call_id)


async def admin_follow_calls(context: AdminContext) -> LiveResponse:
    """Follows the running calls of all workspaces as server-sent events. The messages are those of `GET
    /workspaces/{workspaceId}/calls/live/events`. Each call also has `workspace_id` and `workspace_name`; `last_words`
    is null."""
    return _follow(context, Follower(None, context.admin_id), None)


def _follow(context: MemberContext | AdminContext, follower: Follower, opened: UUID | None) -> LiveResponse:
    feed = context.services[LiveFeed]
    feed.require_room(follower)
    return LiveResponse(partial(feed.stream, follower, opened), 2 * BEAT_S, 2 * LONGEST_S)


_LIMIT: Final = RateLimit("live-events", 60, 60, per_user=True)
ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/workspaces/{workspaceId}/calls/live/events",
        follow_calls,
        member("viewer", "calls:read"),
        limit=_LIMIT,
        beyond_spec=True,
        errors=("404 call_not_found", "429 too_many_streams"),
    ),
)
ADMIN_ROUTES: tuple[Route, ...] = (
    Route(
        "GET",
        "/admin/calls/live/events",
        admin_follow_calls,
        ANY_ADMIN,
        limit=_LIMIT,
        beyond_spec=True,
        errors=("429 too_many_streams",),
    ),
)
