"""Routes of blocked callers, for the members of their workspace."""

from dataclasses import dataclass
from typing import Annotated, Final
from uuid import UUID

from pydantic import Field, StringConstraints

from control.calls.blocked_callers.rules import BlockedCaller
from control.calls.blocked_callers.service import BlockedCallers
from control.calls.records.callers import ANONYMOUS
from control.http.access import member
from control.http.body import ONE_LINE, Body
from control.http.context import MemberContext
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import Route

BLOCKED_CALLERS = "/workspaces/{workspaceId}/blocked-callers"
_CALLER: Final = rf"^(\+[1-9][0-9]{{6,14}}|{ANONYMOUS})$"
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=200, pattern=ONE_LINE)]


class BlockedCallersQuery(ListQuery):
    """Filters of the list."""

    caller: str | None = Field(None, pattern=_CALLER, description="Only this caller.", examples=["+14155550123"])


class NewBlockedCaller(Body):
    """A caller to block."""

    caller: str = Field(
        pattern=_CALLER,
        description="E.164 number, or `anonymous` for all who withhold their number.",
        examples=["+14155550123"],
    )
    note: Note = Field(
        "", description="Why, for the workspace's members; up to 200 characters.", examples=["Sales calls"]
    )


@dataclass(frozen=True, slots=True)
class BlockedCallerAnswer:
    """A blocked caller."""

    blocked_caller: Annotated[BlockedCaller, Field(description="The blocked caller.")]


@dataclass(frozen=True, slots=True)
class BlockedCallerList(ListAnswer):
    """A page of blocked callers, newest first."""

    blocked_callers: Annotated[list[BlockedCaller], Field(description="The blocked callers.")]


async def list_blocked_callers(context: MemberContext, query: BlockedCallersQuery) -> BlockedCallerList:
    """The callers that the workspace blocks, newest first."""
    found = await context.services[BlockedCallers].list_page(
        context.db, context.workspace_id, caller=query.caller, page=query.request()
    )
    return BlockedCallerList(found.rows, **page_fields(query, found))


async def block_caller(context: MemberContext, body: NewBlockedCaller) -> BlockedCallerAnswer:
    """Blocks a caller. Calls are rejected before they are answered; each is listed with `end_detail` `blocked`."""
    blocked = await context.services[BlockedCallers].block(
        context.db, context.workspace_id, context.actor, body.caller, body.note, context.now
    )
    return BlockedCallerAnswer(blocked)


async def unblock_caller(
    context: MemberContext, blocked_caller_id: Annotated[UUID, Field(description="Id of the blocked caller.")]
) -> None:
    """Accepts a caller's calls again."""
    await context.services[BlockedCallers].unblock(context.db, context.workspace_id, context.actor, blocked_caller_id)


ROUTES: tuple[Route, ...] = (
    Route("GET", BLOCKED_CALLERS, list_blocked_callers, member("viewer", "calls:read"), beyond_spec=True),
    Route(
        "POST",
        BLOCKED_CALLERS,
        block_caller,
        member("member", "calls:write"),
        status=201,
        idempotent=True,
        beyond_spec=True,
        errors=("409 blocked_caller_limit", "409 caller_blocked"),
    ),
    Route(
        "DELETE",
        f"{BLOCKED_CALLERS}/{{blockedCallerId}}",
        unblock_caller,
        member("member", "calls:write"),
        beyond_spec=True,
        errors=("404 blocked_caller_not_found",),
    ),
)
