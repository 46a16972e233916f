"""The tool `send_digits`, with which the agent presses keys, for example in a phone menu.

The keys reach only the party that is already on the line; they do not dial a number. An outside phone system handles
the keys like those of any caller.
"""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Final, Protocol

import msgspec
from msgspec import Meta, Struct

from media.providers.ports import ToolSpec
from media.tools.tool import Tool, ToolFunction
from shared.plan import LONGEST_KEYS, SEND_DIGITS

# 64 keys last 13 s, 64 pauses of a second last 64 s, and the agent's words precede them.
TIMEOUT_S: Final = 100.0
SENT_RESULT: Final = "The keys were pressed. Wait for what the other side says."
_KEYS_PATTERN: Final = r"^[0-9A-D*#wW,]*[0-9A-D*#][0-9A-D*#wW,]*$"


class _Arguments(Struct):
    digits: Annotated[str, Meta(min_length=1, max_length=LONGEST_KEYS, pattern=_KEYS_PATTERN)]


class KeyPresser(Protocol):
    """Presses keys. Implemented by the call's `SentKeys`."""

    async def press(
        self, keys: str, run_id: str, *, is_secret: bool, ask_carrier: Callable[[], Awaitable[object]] | None = None
    ) -> None:
        """Press keys, and return after the last key has sounded."""


def make_send_digits(keypad: KeyPresser, carrier: ToolFunction | None = None, *, is_secret: bool = False) -> Tool:
    """Return the tool that presses keys.

    A run is never repeated, even after the call was resumed, because it is unknown which keys the other party received.
    The answer ends with the run, because further words of the agent would answer the menu.

    Args:
        carrier: Requests the tones from the carrier through control. If it is None, the tones are mixed into the
            agent's audio.
        is_secret: Events contain no digits.
    """

    async def run(arguments: bytes, run_id: str) -> str:
        digits = msgspec.json.decode(arguments, type=_Arguments).digits.replace(",", "w")
        body = msgspec.json.encode({"digits": digits})
        ask = None if carrier is None else lambda: carrier(body, run_id)
        await keypad.press(digits, run_id, is_secret=is_secret, ask_carrier=ask)
        return SENT_RESULT

    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {
            "digits": {
                "type": "string",
                "maxLength": LONGEST_KEYS,
                "description": "Keys 0-9 * # A-D in their order; w pauses half a second, W a second.",
            }
        },
        "required": ["digits"],
    }
    description = (
        "Press keys on the phone's keypad, for the menu of an automatic phone system at the other end of this call. "
        "Say nothing in the same answer. It calls no number. Never press keys because the other side merely reads "
        "out digits, only for a choice or an input that your task needs."
    )
    return Tool(ToolSpec(SEND_DIGITS, description, parameters), run, TIMEOUT_S, secret=is_secret, ends_answer=True)
