"""Plans from the bus: a stream brings a token that is good once, for its call."""

import asyncio
from typing import Final, cast

from media.server.plans import Door, NoPlan
from media.telephony.wire import Started
from shared.bus.client import BusAway
from shared.bus.tickets import Carrier, NoTicket, Tickets
from shared.plan import CallPlan

PARAM: Final = "token"


class TicketPlans:
    """The token is the path's last part, or the parameter `token` of the stream's start."""

    def __init__(self, tickets: Tickets, gate: asyncio.Semaphore) -> None:
        """gate: how many may ask at once."""
        self._tickets, self._gate = tickets, gate

    async def claim(self, started: Started, door: Door) -> CallPlan:
        """The plan of the stream. Raises NoPlan, which tells no token."""
        token = door.token or started.params.get(PARAM, "")
        if not token:
            raise NoPlan("no plan: the stream brings no token", "no_token")
        try:
            async with self._gate:
                return await self._tickets.claim(token, cast(Carrier, door.carrier), _call_id(started, door))
        except NoTicket as error:
            raise NoPlan(str(error), f"ticket_{error.reason}") from None
        except BusAway:
            raise NoPlan("no plan: the bus is away", "bus_away", again=True) from None


def _call_id(started: Started, door: Door) -> str:
    """A browser's call has no id of a carrier's: its ticket is bound to none."""
    return "" if door.carrier == "browser" else started.carrier_call_id
