"""The tool `send_digits` in the plan of a call, by its carrier."""

from typing import Final

import msgspec

from control.carriers.rules import CarrierName
from shared.plan import LONGEST_KEYS, SEND_DIGITS, SEND_TONES, ToolName, ToolPlan

# Within the minute in which Telnyx ignores a repeated command.
TIMEOUT_S: Final = 10.0
# Telnyx plays tones on a media stream by a command, which only control can send. This version's nodes have their own
# description and parameters; those of the version before run it as any tool that control runs.
_BY_CARRIER: Final = ToolPlan(
    SEND_DIGITS,
    "Press keys on the phone's keypad, for the menu of an automatic phone system at the other end of this call.",
    {
        "type": "object",
        "properties": {"digits": {"type": "string", "maxLength": LONGEST_KEYS, "description": "Keys 0-9 * # A-D."}},
        "required": ["digits"],
    },
    timeout_s=TIMEOUT_S,
    filler="",
    repeatable=True,
    remote=True,
)
# Twilio has no command for tones on a stream: media puts them into the agent's audio. Only nodes of the version before
# show this description to the model.
_BY_MEDIA: Final = ToolPlan(SEND_TONES, "Never use this: it does not work in this call.", filler="", remote=True)


def plan_sent_digits(*, is_recorded: bool) -> str | ToolPlan:
    """The tool before the call's carrier is known. is_recorded: whether events have the keys."""
    return SEND_DIGITS if is_recorded else ToolPlan(SEND_DIGITS, secret=True)


def adapt_tools(tools: tuple[ToolName | ToolPlan, ...], carrier: CarrierName) -> tuple[ToolName | ToolPlan, ...]:
    """The tools of a call over this carrier, in a plan that nodes of the version before can read, too."""
    kind = _BY_CARRIER if carrier == "telnyx" else _BY_MEDIA
    return tuple(_adapt(tool, kind) for tool in tools)


def _adapt(tool: ToolName | ToolPlan, kind: ToolPlan) -> ToolName | ToolPlan:
    if tool == SEND_DIGITS:
        return kind
    if isinstance(tool, ToolPlan) and tool.name == SEND_DIGITS:
        return msgspec.structs.replace(kind, secret=tool.secret)
    return tool
