"""The built-in tools: hang up, transfer the caller, collect digits from the keypad."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from media.providers.ports import ToolSpec
from media.tools.tool import DEFAULT_FILLER, Tool


class _EndCall(Struct):
    reason: str = ""


def end_call(end: Callable[[], None]) -> Tool:
    """Hangs up after everything said so far was played out."""

    async def run(arguments: bytes, run_id: str) -> str:
        msgspec.json.decode(arguments, type=_EndCall)
        end()
        return "The call ends when your last words have been played."

    parameters = {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "Why the conversation is over."}},
    }
    description = "Hang up. Say goodbye in the same answer; it is played out before the line closes."
    return Tool(ToolSpec("end_call", description, parameters), run, ends_call=True, stops_at_barge_in=True)


class _Transfer(Struct):
    reason: str = ""


def transfer(start_transfer: Callable[[], None]) -> Tool:
    """Transfers the caller to a person after everything said so far was played out."""

    async def run(arguments: bytes, run_id: str) -> str:
        msgspec.json.decode(arguments, type=_Transfer)
        start_transfer()
        return "The caller is put through when your last words have been played."

    parameters = {
        "type": "object",
        "properties": {"reason": {"type": "string", "description": "What the caller wants from a person."}},
    }
    description = "Put the caller through to a person. Say so in the same answer; it is played out first."
    spec = ToolSpec("transfer", description, parameters)
    return Tool(spec, run, filler=DEFAULT_FILLER, ends_call=True, stops_at_barge_in=True)


class _CollectDigits(Struct):
    max_digits: Annotated[int, Meta(ge=1, le=64)] = 16
    terminator: Annotated[str, Meta(pattern=r"^[0-9*#]?$")] = "#"
    timeout_s: Annotated[float, Meta(ge=1, le=60)] = 8.0


def collect_digits(collect: Callable[[int, str, float], Awaitable[str]]) -> Tool:
    """Waits for keys pressed on the phone. collect: takes most digits, terminator key, ms to wait for each key.

    It stops at a barge-in: a caller who talks instead of pressing keys is answered, and not told later that nothing
    was pressed."""

    async def run(arguments: bytes, run_id: str) -> str:
        ask = msgspec.json.decode(arguments, type=_CollectDigits, strict=False)  # models write numbers as strings, too
        keys = await collect(ask.max_digits, ask.terminator, ask.timeout_s * 1000)
        return f"The caller pressed: {keys}" if keys else "The caller pressed nothing."

    parameters: dict[str, Any] = {
        "type": "object",
        "properties": {
            "max_digits": {"type": "integer", "minimum": 1, "maximum": 64},
            "terminator": {"type": "string", "description": "Key that ends the input, usually #."},
            "timeout_s": {"type": "number", "description": "Seconds without a key before giving up."},
        },
    }
    description = "Wait for the caller to press keys on the phone. Ask for them in the same answer."
    return Tool(ToolSpec("collect_digits", description, parameters), run, secret=True, stops_at_barge_in=True)
