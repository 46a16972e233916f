"""A caller who goes on until a time limit."""

import math

from simulator.carrier.caller import Caller, TurnReport
from simulator.carrier.media_stream import PartyOutput


class TimedCaller:
    """A caller who hangs up `limit_ms` after the start of the call, once the agent has answered. The limit may change
    until then. waits: whether for the answer; else the caller hangs up at the limit, whatever is being said."""

    def __init__(self, caller: Caller, limit_ms: float = math.inf, *, waits: bool = True) -> None:
        self.caller = caller
        self.limit_ms = limit_ms
        self.waits = waits
        self._turns: int | None = None  # begun until the limit
        self._has_hung_up = False

    @property
    def reports(self) -> list[TurnReport]:
        """Of the turns that were played."""
        return self.caller.reports

    @property
    def done(self) -> bool:
        """Whether the caller has hung up."""
        return self._has_hung_up

    def tick(self, at_ms: int, heard: bytes) -> PartyOutput:
        """The caller's next 20 ms."""
        output = self.caller.tick(at_ms, heard)
        if at_ms >= self.limit_ms and not self.waits:
            self._has_hung_up = True
            return PartyOutput(output.frame, hang_up=True)
        if self._turns is None and at_ms >= self.limit_ms:
            self._turns = len(self.caller.reports)
        if self._turns is not None and len(self.caller.reports) > self._turns:  # a further turn would begin
            self.caller.reports.pop()
            self._has_hung_up = True
            return PartyOutput(output.frame, hang_up=True)
        return output

    def arrived(self, payload: bytes, at_ms: float, begins_ms: float) -> None:
        """Passed on."""
        self.caller.arrived(payload, at_ms, begins_ms)

    def cleared(self, at_ms: float) -> None:
        """Passed on."""
        self.caller.cleared(at_ms)
