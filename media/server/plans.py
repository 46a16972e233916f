"""The port that supplies a stream's plan, and the single plan of a stand-alone server."""

from dataclasses import dataclass
from typing import Protocol

from media.telephony.codec import StreamStarted
from shared.plan import CallPlan


class PlanRefused(Exception):
    """The stream gets no plan and is refused. The carrier receives the reason.

    Attributes:
        code: The label in metrics.
        retryable: A later attempt may succeed.
    """

    def __init__(self, reason: str, code: str = "no_plan", *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.code, self.retryable = code, retryable


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """The route of a carrier's socket, from its path.

    Attributes:
        carrier: "twilio", "telnyx" or "browser".
        token: The last part of the path, or "".
    """

    carrier: str
    token: str = ""


class PlanSource(Protocol):
    """Looks up the plan of a stream."""

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Return the plan of the stream. Raises PlanRefused."""


class SinglePlan:
    """The plan source of stand-alone mode, which returns the same plan for every stream."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Return the plan, which is the same for every stream."""
        return self._plan
