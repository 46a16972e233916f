"""Where a stream's plan comes from."""

from dataclasses import dataclass
from typing import Protocol

from media.telephony.wire import Started
from shared.plan import CallPlan


class NoPlan(Exception):
    """This stream has no plan: it is refused with this reason, shown to the carrier. code: for the metric. again: it
    may have one later."""

    def __init__(self, reason: str, code: str = "no_plan", *, again: bool = False) -> None:
        super().__init__(reason)
        self.code, self.again = code, again


@dataclass(frozen=True, slots=True)
class Door:
    """By which path a stream came. carrier: "twilio", "telnyx" or "browser". token: the path's last part, if any."""

    carrier: str
    token: str = ""


class PlanSource(Protocol):
    """Gives each stream its plan."""

    async def claim(self, started: Started, door: Door) -> CallPlan:
        """The plan of the stream. Raises NoPlan."""


class OnePlan:
    """Stand-alone mode: every stream gets the same plan."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan

    async def claim(self, started: Started, door: Door) -> CallPlan:
        """The plan, whatever the stream."""
        return self._plan
