"""Replies of a simulated language model, independent of the vendor's protocol."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ToolUse:
    """A tool call of the model. The arguments are JSON text."""

    name: str
    arguments: str = "{}"


@dataclass(frozen=True, slots=True)
class ChatReply:
    """A reply of the model.

    Attributes:
        finish: The finish_reason. Empty for the default, `stop` or `tool_calls`.
        refusal: The model's text if it declines to answer. Used only in replies that are not streamed.
    """

    text: str
    tools: tuple[ToolUse, ...] = ()
    finish: str = ""
    refusal: str = ""


def greet(body: Mapping[str, Any]) -> ChatReply:
    """Return the reply of a vendor without a script."""
    return ChatReply("Thank you for calling. How can I help you today?")
