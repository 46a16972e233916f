"""The tools that control runs for agents. A room that offers one adds it here, and its name to RemoteToolName."""

from collections.abc import Mapping
from typing import Final, Literal

from control.agents.appointment_tools import make_appointment_tools
from control.agents.calendar_tools import make_calendar_tools
from control.agents.call_context import CALL_CONTEXT
from control.agents.contacts import LOOK_UP_CONTACT
from control.integrations.bookings.service import AppointmentChanges, Bookings
from control.knowledge.search import KnowledgeSearch
from control.knowledge.tool import make_search_tool
from control.media_requests.handlers import RemoteTool, RequestHandlers, tool_handlers
from control.messages.tool import TAKE_MESSAGE
from shared.plan import BUILT_IN_TOOLS, SEND_TONES

RemoteToolName = Literal[
    "call_context",
    "search_knowledge",
    "take_message",
    "look_up_contact",
    "check_availability",
    "book_appointment",
    "cancel_appointment",
    "move_appointment",
]


def make_remote_tools(bookings: Bookings | None, search: KnowledgeSearch | None = None) -> tuple[RemoteTool, ...]:
    """bookings: None where only the plans of the tools are needed. search: of documents; None: by full text only."""
    changes = None if bookings is None else AppointmentChanges(bookings.runner)
    calendar = (*make_calendar_tools(bookings), *make_appointment_tools(changes))
    search_tool = make_search_tool(search or KnowledgeSearch())
    return (CALL_CONTEXT, search_tool, TAKE_MESSAGE, LOOK_UP_CONTACT, *calendar)


REMOTE_TOOLS: Final[Mapping[str, RemoteTool]] = {tool.name: tool for tool in make_remote_tools(None)}
# No tool of a workspace has one of these names.
RESERVED_NAMES: Final = frozenset({*BUILT_IN_TOOLS, *REMOTE_TOOLS, SEND_TONES})


def agents_request_handlers(bookings: Bookings | None = None, search: KnowledgeSearch | None = None) -> RequestHandlers:
    """The handlers of these tools, for the API's reader of requests. bookings: None: there are no calendars."""
    return tool_handlers(make_remote_tools(bookings, search))
