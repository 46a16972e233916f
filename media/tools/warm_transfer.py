"""The tool `transfer` for warm transfers: control calls the target and asks the target to accept the call."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta, Struct

from media.tools.remote import CallIdentity, RemoteTools, make_remote_tool
from media.tools.tool import Tool, ToolError
from shared.events import TransferFailure
from shared.plan import ToolPlan

LONGEST_BRIEF: Final = 1_000
TRANSFER_FAILED_RESULT: Final = (
    "The transfer failed: {reason}. The caller is on the line with you. "
    "Help them yourself as far as you can, for example by taking a message."
)
ACCEPTED_RESULT: Final = "The person has taken the call. The caller is connected now."
# The reasons why the target of a transfer was not reached, as text for the model.
_FAILURES: Final[Mapping[TransferFailure, str]] = {
    "busy": "the line is busy",
    "no_answer": "nobody answered the phone",
    "refused": "the person did not take the call",
    "failed": "the number could not be called",
}


class _Arguments(Struct):
    reason: str = ""
    brief: Annotated[str, Meta(max_length=LONGEST_BRIEF)] = ""


class _Decision(Struct):
    """Control's answer: the conference in which the target waits, or the reason why there is no conference."""

    conference: str = ""
    failure: TransferFailure = "failed"


def transfer_failed_result(failure: TransferFailure) -> str:
    """Return the text for the model about a transfer whose target was not reached."""
    return TRANSFER_FAILED_RESULT.format(reason=_FAILURES[failure])


def make_warm_transfer(
    plan: ToolPlan,
    remote: RemoteTools | None,
    call: CallIdentity,
    *,
    number: str,
    language: str,
    join: Callable[[str], None],
) -> Tool:
    """Return the tool that transfers the caller to a target that accepts the call. The caller may talk with the agent
    until the target has decided.

    Args:
        number: The number of the target.
        join: Moves the caller into this conference at once, even while someone speaks.
    """
    tool = make_remote_tool(plan, remote, call, language)

    async def run(arguments: bytes, run_id: str) -> str:
        wanted = msgspec.json.decode(arguments, type=_Arguments)
        brief = wanted.brief or wanted.reason
        target: dict[str, Any] = {"number": number, "brief": brief[:LONGEST_BRIEF], "language": language}
        answer = await tool.run(msgspec.json.encode(target), run_id)
        try:
            decision = msgspec.json.decode(answer, type=_Decision)
        except msgspec.DecodeError as error:
            raise ToolError(f"{plan.name}: the answer cannot be read") from error
        if not decision.conference:
            return transfer_failed_result(decision.failure)
        join(decision.conference)
        return ACCEPTED_RESULT

    return replace(tool, run=run)
