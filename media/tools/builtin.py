"""The built-in tools that end the stream: `end_call` and `transfer`."""

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Struct

from media.providers.ports import ToolSpec
from media.tools.fillers import first_filler
from media.tools.tool import Tool


class _Reason(Struct):
    reason: str = ""


def end_call(end: Callable[[], None]) -> Tool:
    """Return the tool that hangs up after all speech so far was played."""
    description = "Hang up. Say goodbye in the same answer; it is played out before the line closes."
    spec = ToolSpec("end_call", description, _reason_parameters("Why the conversation is over."))
    return _make_ending_tool(spec, end, "The call ends when your last words have been played.")


def transfer(start_transfer: Callable[[], None], language: str = "en") -> Tool:
    """Return the tool that transfers the caller to a person after all speech was played.

    Args:
        language: The language of the filler.
    """
    description = "Put the caller through to a person. Say so in the same answer; it is played out first."
    spec = ToolSpec("transfer", description, _reason_parameters("What the caller wants from a person."))
    result = "The caller is put through when your last words have been played."
    return _make_ending_tool(spec, start_transfer, result, first_filler(language))


def _reason_parameters(description: str) -> dict[str, Any]:
    return {"type": "object", "properties": {"reason": {"type": "string", "description": description}}}


def _make_ending_tool(spec: ToolSpec, end: Callable[[], None], result: str, filler: str = "") -> Tool:
    """Return a tool that ends the stream.

    Args:
        end: Called at once. The stream ends after the speech.
        result: The text that the model receives.
    """

    async def run(arguments: bytes, run_id: str) -> str:
        msgspec.json.decode(arguments, type=_Reason)
        end()
        return result

    return Tool(spec, run, filler=filler, ends_call=True, stops_at_barge_in=True)
