"""Commands from control: each is carried out once, however often it comes, and answered."""

import asyncio
from collections import OrderedDict
from typing import Final

from media.call.call import Call
from media.server.bus.health import forever, stopped
from media.server.bus.roster import Roster
from media.server.metrics import Metrics
from shared.bus.commands import DONE, Commands, EndCall, Order, SayWords, TransferCall
from shared.events import Commanded

# Ids that a repeat is known by.
MOST_REMEMBERED: Final = 2_000
UNKNOWN_CALL: Final = "unknown_call"
ENDING: Final = "ending"


class Orders:
    """Reads the node's commands. wait_s: how long one reading may wait; less than the client's time-out."""

    def __init__(self, commands: Commands, node_id: str, roster: Roster, metrics: Metrics, wait_s: float) -> None:
        self._commands, self._node_id, self._roster = commands, node_id, roster
        self._metrics, self._wait_s = metrics, wait_s
        self._after = "0"
        self._done: OrderedDict[str, str] = OrderedDict()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begins to read."""
        self._task = asyncio.create_task(forever("commands", self._step, self._metrics))

    async def close(self) -> None:
        """Stops."""
        await stopped(self._task)

    async def _step(self) -> None:
        after, orders = await self._commands.read(self._node_id, self._after, self._wait_s)
        for order in orders:
            # An answer that does not get through is given when the order comes again, from the position kept here.
            await self._commands.answer(order.id, self._outcome(order))
        self._after = after

    def _outcome(self, order: Order) -> str:
        if order.id not in self._done:
            self._done[order.id] = self._carry_out(order)
            if len(self._done) > MOST_REMEMBERED:
                self._done.popitem(last=False)
        return self._done[order.id]

    def _carry_out(self, order: Order) -> str:
        call = self._roster.find(order.call_id)
        if call is None:
            return UNKNOWN_CALL
        ending = call.ending
        # A goodbye that the caller may take back keeps nobody from ending the call for good.
        if ending.is_settled or (ending.reason is not None and isinstance(order.command, SayWords)):
            return ENDING
        return _carry_out(call, order)


def _carry_out(call: Call, order: Order) -> str:
    name = order.command.__struct_config__.tag
    call.note(Commanded(round(call.elapsed_ms), str(name), order.id))
    match order.command:
        case EndCall(reason=reason, polite=polite):
            call.end(reason, polite=polite)
        case SayWords(text=text):
            call.say(text)
        case TransferCall(number=number, words=words):
            call.transfer(number, words)
    return DONE
