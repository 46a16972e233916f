"""Redeems listeners' tokens from the bus. Each token is for one running call of this node."""

import asyncio
from functools import partial

from media.server.bus.call_heartbeats import CallHeartbeats
from media.server.bus.rights import RightChecks
from media.server.frames import CloseCode
from media.server.supervision import SupervisedCall, SupervisionRefused
from shared.bus.client import BusUnavailable
from shared.bus.requests import SUPERVISION_CHECK
from shared.bus.tickets import TicketRefused, Tickets


class TicketSupervision:
    """The `SupervisionSource` of bus mode."""

    def __init__(
        self,
        tickets: Tickets,
        node_id: str,
        heartbeats: CallHeartbeats,
        gate: asyncio.Semaphore,
        rights: RightChecks,
    ) -> None:
        """Create the token source of a node.

        Args:
            gate: Limits the number of concurrent claims.
        """
        self._tickets, self._node_id, self._heartbeats, self._gate = tickets, node_id, heartbeats, gate
        self._rights = rights

    async def claim(self, token: str) -> SupervisedCall:
        """Return the call of the token and consume the token. Raises SupervisionRefused."""
        try:
            async with self._gate:
                grant = await self._tickets.claim_supervision(token, self._node_id)
        except TicketRefused as error:
            raise SupervisionRefused(f"ticket_{error.reason}") from None
        except BusUnavailable:
            raise SupervisionRefused("bus_away", CloseCode.TRY_AGAIN) from None
        identity = self._heartbeats.identity(grant.call_id)
        if identity is None:
            raise SupervisionRefused("call_not_live")
        ask = (identity, SUPERVISION_CHECK, grant.right)
        # The right may have been revoked since the token was issued. If control does not answer now, it is queried
        # again soon.
        if grant.right and await self._rights.ask(*ask) is False:
            raise SupervisionRefused("revoked")
        call = self._heartbeats.find(grant.call_id)
        if call is None:
            raise SupervisionRefused("call_not_live")
        return SupervisedCall(grant, call, partial(self._rights.wait_revoked, *ask) if grant.right else None)
