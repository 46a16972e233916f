"""The tools that control runs for agents. A room that offers one adds it here, and its name to RemoteToolName."""

from collections.abc import Mapping
from typing import Final, Literal

from control.agents.call_context import CALL_CONTEXT
from control.knowledge.tool import SEARCH_KNOWLEDGE
from control.media_requests.handler import RequestHandlers
from control.media_requests.tool import RemoteTool, tool_handlers
from control.messages.tool import TAKE_MESSAGE

RemoteToolName = Literal["call_context", "search_knowledge", "take_message"]
REMOTE_TOOLS: Final[Mapping[str, RemoteTool]] = {
    tool.name: tool for tool in (CALL_CONTEXT, SEARCH_KNOWLEDGE, TAKE_MESSAGE)
}


def agents_request_handlers() -> RequestHandlers:
    """The handlers of these tools, for the API's reader of requests."""
    return tool_handlers(REMOTE_TOOLS.values())
