"""The port that supplies a stream's plan, and the single plan of a stand-alone server."""

from dataclasses import dataclass
from typing import Protocol

from media.telephony.codec import StreamStarted
from shared.plan import CallPlan


class PlanRefused(Exception):
    """The stream gets no plan and is refused. The carrier sees the reason.

    Attributes:
        code: The label in metrics.
        retryable: A later attempt may succeed.
    """

    def __init__(self, reason: str, code: str = "no_plan", *, retryable: bool = False) -> None:
        super().__init__(reason)
        self.code, self.retryable = code, retryable


@dataclass(frozen=True, slots=True)
class SocketRoute:
    """The path of a socket.

    Attributes:
        carrier: "twilio", "telnyx" or "browser".
        token: The path's last part, or empty.
    """

    carrier: str
    token: str = ""


class PlanSource(Protocol):
    """Looks up the plan of a stream."""

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Return the plan of the stream. Raises PlanRefused."""


class SinglePlan:
    """Stand-alone mode: every stream gets the same plan."""

    def __init__(self, plan: CallPlan) -> None:
        self._plan = plan

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Return the plan, which is the same for every stream."""
        return self._plan
