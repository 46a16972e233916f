"""Calls handed over to media: tickets, nodes, checkpoints and commands, as control uses the bus."""

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from redis.asyncio import Redis

from control.calls.model import Admitted
from shared.bus.checkpoints import Checkpoint, Checkpoints, Over
from shared.bus.client import BusAway
from shared.bus.commands import Command, Commands, Order
from shared.bus.live import LiveCall, LiveCalls
from shared.bus.nodes import Nodes, NodeState
from shared.bus.tickets import Ticket, Tickets
from shared.ids import new_id
from shared.secrets import Sealer

_LOOK_S: Final = 0.025


class NoRoom(Exception):
    """Nobody can take the call. why: "no_node" (none alive, or all full or leaving), "bus_away"."""

    def __init__(self, why: str) -> None:
        super().__init__(f"no room: {why}")
        self.why = why


class NotLive(Exception):
    """No media node tells of this call."""


@dataclass(frozen=True, slots=True)
class Stream:
    """Where the carrier is led. url: the node's base, without a path. token: good for one claim, within a minute."""

    url: str
    token: str
    node_id: str


class Handover:
    """All methods raise BusAway, except `connect`, whose NoRoom tells of that too."""

    def __init__(self, bus: Redis, sealer: Sealer, allowed: Sequence[str] = ()) -> None:
        """allowed: the only media addresses that calls are led to; empty trusts every node."""
        self._nodes = Nodes(bus, allowed=allowed)
        self._tickets = Tickets(bus, sealer)
        self._checkpoints = Checkpoints(bus, sealer)
        self._live = LiveCalls(bus)
        self._commands = Commands(bus)

    async def connect(self, admitted: Admitted, exclude: Collection[str] = ()) -> Stream:
        """A node for the call, and a ticket for its plan. exclude: ids of nodes that lost it; one of them, if it still
        lives, is better than none. Raises NoRoom."""
        try:
            node = await self._place(exclude)
            token = await self._tickets.issue(Ticket(admitted.carrier, admitted.carrier_call_id, admitted.plan))
        except BusAway as away:
            raise NoRoom("bus_away") from away
        return Stream(node.url, token, node.node_id)

    async def decide(self, call_id: UUID, node_id: str | None, wait_s: float, *, leg: int = 0) -> Over | None:
        """Whether the conversation came to its end, and what then; None: it was lost and is to go on elsewhere.

        Media tells so before it closes the socket, but the carrier's word may be faster: waits up to `wait_s` for it,
        unless the node that had the call is gone already. node_id, leg: see `holder`.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + wait_s
        over = await self._ended(call_id, leg)
        if over is None and node_id and not await self._is_alive(await self.holder(call_id, node_id, leg)):
            # Once more: it may have told just before it went.
            return await self._ended(call_id, leg)
        while over is None and loop.time() < until:
            await asyncio.sleep(_LOOK_S)
            over = await self._ended(call_id, leg)
        return over

    async def _ended(self, call_id: UUID, leg: int) -> Over | None:
        """A word about an earlier stream, which came too late for that one, says nothing of this one."""
        over = await self._checkpoints.ended(str(call_id))
        return over if over is not None and over.leg >= leg else None

    async def holder(self, call_id: UUID, node_id: str, leg: int) -> str:
        """The node that has, or had, the call's stream `leg`. node_id: the one that it was led to. Of several behind
        one address, the carrier's socket may have come to another: the sign of life and the checkpoint tell."""
        (call,) = await self._live.get([str(call_id)])
        if call is not None and call.leg == leg:
            return call.node_id
        kept = await self._checkpoints.get(str(call_id))
        return kept.node_id if kept is not None and kept.leg == leg else node_id

    async def is_carried(self, call_id: UUID, leg: int) -> bool:
        """Whether a node that is alive tells of the call's stream `leg`."""
        (call,) = await self._live.get([str(call_id)])
        return call is not None and call.leg == leg and await self._is_alive(call.node_id)

    async def checkpoint(self, call_id: UUID) -> Checkpoint | None:
        """What the call goes on from; None without one."""
        return await self._checkpoints.get(str(call_id))

    async def forget(self, call_ids: Sequence[UUID]) -> None:
        """These calls' ends are written down: their conversations leave the bus. The word that they were over stays for
        a while, for the carrier may ask only now."""
        await self._checkpoints.forget([str(call_id) for call_id in call_ids])

    async def command(self, call_id: UUID, command: Command, wait_s: float) -> str | None:
        """Has something done to a running call: shared.bus.commands.DONE or why not; None when its node did not answer
        in time, and nobody knows. Raises NotLive."""
        (call,) = await self._live.get([str(call_id)])
        if call is None:
            raise NotLive
        order = Order(new_id(), str(call_id), command)
        await self._commands.post(call.node_id, order)
        return await self._commands.outcome(order.id, wait_s)

    async def live(self, call_ids: Sequence[UUID]) -> dict[UUID, LiveCall]:
        """Those of these calls that a node tells of."""
        found = await self._live.get([str(call_id) for call_id in call_ids])
        return {call_id: one for call_id, one in zip(call_ids, found, strict=True) if one is not None}

    async def _place(self, exclude: Collection[str]) -> NodeState:
        node = await self._nodes.place(exclude)
        if node is None and exclude:
            node = await self._nodes.place()
        if node is None:
            raise NoRoom("no_node")
        return node

    async def _is_alive(self, node_id: str) -> bool:
        return any(node.node_id == node_id for node in await self._nodes.all())
