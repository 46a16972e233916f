"""The world of a test call: tools answer from recorded outcomes, and nothing is run."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from control.agent_tests.rules import RecordedOutcome
from media.tools.remote import ToolRequest
from media.tools.tool import ToolError

UNKNOWN = "This tool has no recorded result."


@dataclass(slots=True)
class _Entry:
    outcome: RecordedOutcome
    is_used: bool = False


class RecordedTools:
    """The `RemoteTools` of a test call.

    A call gets the first unused outcome that fits its name and arguments. If all that fit are used, it gets the last
    one again: so a look-up may be repeated, and faults keep their order.

    Attributes:
        unknown: Calls that no outcome fits, as (name, arguments, ms since the call began).
        running: How many tools run now.
        ended_ms: When the last one ended.
    """

    def __init__(self, outcomes: Sequence[RecordedOutcome], clock: Callable[[], float]) -> None:
        self._entries = [_Entry(outcome) for outcome in outcomes]
        self._clock = clock
        self.unknown: list[tuple[str, str, float]] = []
        self.running = 0
        self.ended_ms = 0.0

    async def run(self, call: ToolRequest) -> str:
        outcome = self._take(call.name, _read(call.arguments))
        if outcome is None:
            self.unknown.append((call.name, call.arguments.decode(errors="replace"), self._clock()))
            raise ToolError(UNKNOWN)
        self.running += 1
        try:
            await asyncio.sleep(outcome.delay_ms / 1_000)
        finally:
            self.running -= 1
            self.ended_ms = self._clock()
        if not outcome.is_ok:
            raise ToolError(outcome.result)
        return outcome.result

    def _take(self, name: str, arguments: Any) -> RecordedOutcome | None:
        fitting = [
            entry
            for entry in self._entries
            if entry.outcome.name == name and entry.outcome.arguments in (None, arguments)
        ]
        entry = next((entry for entry in fitting if not entry.is_used), fitting[-1] if fitting else None)
        if entry is None:
            return None
        entry.is_used = True
        return entry.outcome


def _read(arguments: bytes) -> Any:
    try:
        return msgspec.json.decode(arguments or b"{}")
    except msgspec.DecodeError:
        return None
