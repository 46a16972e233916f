"""Claims plans from the bus with the token of a stream."""

import asyncio
from typing import Final, cast

from media.server.plans import PlanRefused, SocketRoute
from media.telephony.codec import StreamStarted
from shared.bus.client import BusUnavailable
from shared.bus.tickets import Carrier, TicketRefused, Tickets
from shared.plan import CallPlan

PARAM: Final = "token"


class TicketPlans:
    """Claims plans with the token in the last part of the path, or in the parameter `token` of the stream's start."""

    def __init__(self, tickets: Tickets, gate: asyncio.Semaphore) -> None:
        """Create the plan source of a node.

        Args:
            gate: Limits the number of concurrent claims.
        """
        self._tickets, self._gate = tickets, gate

    async def claim(self, started: StreamStarted, route: SocketRoute) -> CallPlan:
        """Return the plan of the stream. Raises PlanRefused, whose message contains no token."""
        token = route.token or started.params.get(PARAM, "")
        if not token:
            raise PlanRefused("no plan: the stream has no token", "no_token")
        try:
            async with self._gate:
                # Telnyx returns the client state that control has set: our call ID, after a colon or alone.
                call_id = started.client_state.rpartition(":")[2]
                return await self._tickets.claim(token, cast(Carrier, route.carrier), _call_id(started, route), call_id)
        except TicketRefused as error:
            raise PlanRefused(str(error), f"ticket_{error.reason}") from None
        except BusUnavailable:
            raise PlanRefused("no plan: the bus is unavailable", "bus_away", retryable=True) from None


def _call_id(started: StreamStarted, route: SocketRoute) -> str:
    """Return the carrier's call ID, or "" for a browser, whose ticket is not bound to a carrier's call ID."""
    return "" if route.carrier == "browser" else started.carrier_call_id
