"""The built-in tools: hang up, transfer the caller, collect digits from the keypad."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from media.providers.ports import ToolSpec
from media.tools.fillers import first_filler
from media.tools.tool import Tool


class _Reason(Struct):
    reason: str = ""


def end_call(end: Callable[[], None]) -> Tool:
    """Hangs up after everything said so far was played out."""
    description = "Hang up. Say goodbye in the same answer; it is played out before the line closes."
    spec = ToolSpec("end_call", description, _reason_parameters("Why the conversation is over."))
    return _make_ending_tool(spec, end, "The call ends when your last words have been played.")


def transfer(start_transfer: Callable[[], None], language: str = "en") -> Tool:
    """Transfers the caller to a person after everything said so far was played out. language: of the filler."""
    description = "Put the caller through to a person. Say so in the same answer; it is played out first."
    spec = ToolSpec("transfer", description, _reason_parameters("What the caller wants from a person."))
    result = "The caller is put through when your last words have been played."
    return _make_ending_tool(spec, start_transfer, result, first_filler(language))


def _reason_parameters(description: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"reason": {"type": "string", "description": description}}}


def _make_ending_tool(spec: ToolSpec, end: Callable[[], None], result: str, filler: str = "") -> Tool:
    """A tool that ends the stream. end: called at once; takes effect after the speech. result: for the model."""

    async def run(arguments: bytes, run_id: str) -> str:
        msgspec.json.decode(arguments, type=_Reason)
        end()
        return result

    return Tool(spec, run, filler=filler, ends_call=True, stops_at_barge_in=True)


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
