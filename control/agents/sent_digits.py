"""The tool `send_digits` in the plan of a call, by its carrier."""

from typing import Final

from control.carriers.model import CarrierName
from shared.plan import SEND_DIGITS, ToolName, ToolPlan

# Within the minute in which Telnyx ignores a repeated command.
TIMEOUT_S: Final = 10.0
# Telnyx plays tones on a media stream by a command, which only control can send.
_SEND_DIGITS_PLAN: Final = ToolPlan(SEND_DIGITS, timeout_s=TIMEOUT_S, repeatable=True, remote=True)


def adapt_tools(tools: tuple[ToolName | ToolPlan, ...], carrier: CarrierName) -> tuple[ToolName | ToolPlan, ...]:
    """The tools of a call over this carrier. Twilio has no command for tones on a stream: media puts them into the
    agent's audio, which the built-in tool does."""
    if carrier != "telnyx":
        return tools
    return tuple(_SEND_DIGITS_PLAN if tool == SEND_DIGITS else tool for tool in tools)
