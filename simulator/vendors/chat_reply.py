"""What a simulated language model answers, whatever its vendor's protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool that the model calls. arguments: JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """What the model answers. finish: its finish_reason, by default `stop` or `tool_calls`. refusal: what it says in
    place of an answer, where it declines; only of replies that are not streamed."""

    text: str
    tools: tuple[ToolUse, ...] = ()
    finish: str = ""
    refusal: str = ""


def greet(body: Mapping[str, Any]) -> ChatReply:
    """The reply of a vendor without a script."""
    return ChatReply("Thank you for calling. How can I help you today?")
