"""Tools that control runs for the language model of a call."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from control.media_requests.handler import MediaRequestHandler, RequestHandlers
from shared.bus.requests import TOOL_REQUEST
from shared.plan import ToolPlan


@dataclass(frozen=True, slots=True)
class RemoteTool:
    """A tool: what the model reads of it (name, description, parameters as JSON Schema), its traits, its handler.

    timeout_s: limit of a run. filler: what the agent says while it runs; None: its usual words. secret: the result is
    left out of events. handler: gets the model's arguments and returns text for the model.
    """

    name: str
    description: str
    parameters: Mapping[str, Any]
    handler: MediaRequestHandler
    timeout_s: float = 10.0
    filler: str | None = None
    secret: bool = False

    @property
    def plan(self) -> ToolPlan:
        """The tool in a call's plan."""
        return ToolPlan(
            self.name,
            self.description,
            dict(self.parameters),
            timeout_s=self.timeout_s,
            filler=self.filler,
            secret=self.secret,
            repeatable=self.handler.effect != "once",
            remote=True,
        )


def tool_handlers(tools: Iterable[RemoteTool]) -> RequestHandlers:
    """The handlers of these tools, as media asks for them. Raises ValueError for two tools of the same name."""
    tools = list(tools)
    handlers = {TOOL_REQUEST + tool.name: tool.handler for tool in tools}
    if len(handlers) < len(tools):
        raise ValueError("two tools have the same name")
    return handlers
