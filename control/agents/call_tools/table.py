"""The table of tools that control runs for agents.

To add a tool, add it here and add its name to RemoteToolName in the config.
"""

from collections.abc import Mapping
from typing import Final

from control.agents.call_tools.calendar import make_appointment_tools, make_calendar_tools
from control.agents.call_tools.contacts import CALL_CONTEXT, LOOK_UP_CONTACT
from control.integrations.bookings.service import AppointmentChanges, Bookings
from control.knowledge.search import KnowledgeSearch
from control.knowledge.tool import make_search_tool
from control.media_requests.handlers import RemoteTool, RequestHandlers, tool_handlers
from control.messages.tool import TAKE_MESSAGE


def make_remote_tools(bookings: Bookings | None, search: KnowledgeSearch | None = None) -> tuple[RemoteTool, ...]:
    """Return all tools that control runs for media nodes."""
    changes = None if bookings is None else AppointmentChanges(bookings.runner)
    calendar = (*make_calendar_tools(bookings), *make_appointment_tools(changes))
    search_tool = make_search_tool(search or KnowledgeSearch())
    return (CALL_CONTEXT, search_tool, TAKE_MESSAGE, LOOK_UP_CONTACT, *calendar)


REMOTE_TOOLS: Final[Mapping[str, RemoteTool]] = {tool.name: tool for tool in make_remote_tools(None)}


def agents_request_handlers(bookings: Bookings | None = None, search: KnowledgeSearch | None = None) -> RequestHandlers:
    """Return the handlers of these tools, for the API's reader of requests.

    Args:
        bookings: None for no calendars.
    """
    return tool_handlers(make_remote_tools(bookings, search))
