"""Routes for members to read the messages that callers left."""

from dataclasses import dataclass
from typing import Annotated
from uuid import UUID

from pydantic import Field

from control.http.access import member
from control.http.context import MemberContext
from control.http.pagination import ListAnswer, ListQuery, page_fields
from control.http.route import Route
from control.messages.rules import CallerMessage
from control.messages.service import CallerMessages

MESSAGES = "/workspaces/{workspaceId}/messages"


class MessagesQuery(ListQuery):
    """Filters for the list of messages."""

    call_id: UUID | None = Field(None, description="Return only messages left in this call.")


@dataclass(frozen=True, slots=True)
class MessageList(ListAnswer):
    """A page of messages, newest first."""

    messages: Annotated[list[CallerMessage], Field(description="The messages.")]


async def list_messages(context: MemberContext, query: MessagesQuery) -> MessageList:
    """List the messages that callers left with the workspace's agents, newest first."""
    found = await context.services[CallerMessages].list_page(
        context.db, context.workspace_id, call_id=query.call_id, page=query.request()
    )
    return MessageList(list(found.rows), **page_fields(query, found))


ROUTES: tuple[Route, ...] = (Route("GET", MESSAGES, list_messages, member("viewer", "calls:read"), beyond_spec=True),)
