"""Where a stream's plan comes from."""

from typing import Protocol

from media.telephony.wire import Started
from shared.plan import CallPlan


class NoPlan(Exception):
    """This stream has no plan: it is refused with this reason."""


class PlanSource(Protocol):
    """Gives each stream its plan."""

    async def claim(self, started: Started) -> CallPlan:
        """The plan of the stream. Raises NoPlan."""


class OnePlan:
    """Stand-alone mode: every stream gets the same plan."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan

    async def claim(self, started: Started) -> CallPlan:
        """The plan, whatever the stream."""
        return self._plan
