"""What both carriers need: a transaction with platform scope, and a call led to a media node or refused."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from control.calls.handover import NoRoom, Stream
from control.calls.model import FINAL, Admitted, Open, Refused
from control.calls.words import busy, refused
from control.carriers.phone import is_valid
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.http.faults import of_database
from control.http.transaction import in_transaction
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.ports import Rooms
from shared.bus.client import BusAway
from shared.errors import Unavailable

T = TypeVar("T")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Leading:
    """connect_s: seconds that finding a media node may take."""

    pool: Pool
    rooms: Rooms
    metrics: WebhookMetrics
    connect_s: float

    async def transact(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        """In a transaction that sees all workspaces. Raises Unavailable without a database."""

        async def scoped(db: Connection) -> T:
            await enter_platform(db)
            return await work(db)

        return await in_transaction(self.pool, scoped, self.metrics.repeats.inc)

    async def stream(self, admitted: Admitted, exclude: Collection[str] = ()) -> Stream | Refused:
        """Where the carrier is led, or what the caller is told: there is no room, or Redis is away or slow. Of a call
        that had its agent nothing is known then, see `cut_off`."""
        why = "too_slow"
        try:
            async with asyncio.timeout(self.connect_s):
                return await self.rooms.handover.connect(admitted, exclude)
        except NoRoom as none:
            why = none.why
        except TimeoutError:
            pass
        log.warning("webhook.no_room", why=why, call_id=str(admitted.call_id), leg=admitted.leg)
        language = admitted.plan.agent.language
        if admitted.leg > 0 and why != "no_node":
            return refused("cut_off", language, admitted.call_id)
        return busy(language, admitted.call_id)

    async def resume(
        self, open_call: Open, now: datetime, language: str | None = None
    ) -> tuple[Admitted | Refused, Collection[str]]:
        """The next leg's plan, from the last checkpoint; and ids of nodes that it had better not be led to. language:
        see `cut_off`."""
        call_id, handover = open_call.call_id, self.rooms.handover
        try:
            async with asyncio.timeout(self.connect_s):
                checkpoint = await handover.checkpoint(call_id)
                lost = await handover.holder(call_id, open_call.media_node, open_call.leg)
        except (BusAway, TimeoutError):
            return await self._cut_off(open_call, language), ()
        outcome = await self.transact(lambda db: self.rooms.calls.resume(db, open_call, checkpoint, now))
        if isinstance(outcome, Admitted):
            log.info("webhook.resumed", carrier=outcome.carrier, call_id=str(outcome.call_id), leg=outcome.leg)
            self.metrics.resumed.labels(outcome.carrier).inc()
        return outcome, (lost,) if lost else ()

    async def cut_off(self, open_call: Open | None, language: str | None = None) -> Refused | None:
        """A stream is over and Redis away. Whether the conversation was at its end, and whom the caller was to be put
        through to, nobody knows: so neither can be done. What the caller is told before the line is hung up; None for
        one who expects nothing any more. Written down, this is no end: media's own word comes when Redis does.

        language: the agent's, where the carrier's request carries it; None has it looked up."""
        if open_call is None or (open_call.status in FINAL and open_call.end_reason != "transferred"):
            return None
        return await self._cut_off(open_call, language)

    async def _cut_off(self, open_call: Open, language: str | None) -> Refused:
        call_id, leg = str(open_call.call_id), open_call.leg
        log.warning("webhook.bus_away", carrier=open_call.carrier, call_id=call_id, leg=leg)
        if language is not None:
            return refused("cut_off", language, open_call.call_id)
        return await self.transact(lambda db: self.rooms.calls.cut_off(db, open_call))

    async def note_refused(self, outcome: Refused, now: datetime) -> None:
        """Writes down that an admitted call could not be carried."""
        if outcome.call_id is not None:
            call_id = outcome.call_id
            await self.transact(lambda db: self.rooms.calls.refuse(db, call_id, outcome, now))


def is_away(error: Exception) -> bool:
    """Whether the database could not be asked. A connection that is lost in the midst of it breaks off with
    PostgreSQL's own error."""
    return isinstance(error, Unavailable) or isinstance(of_database(error), Unavailable)


def shown_number(open_call: Open, *, caller_may_show: bool) -> str:
    """The number that a transfer shows: of the two that the call has, ours; or the caller's own, so that whoever is
    called sees who phones, where the carrier lets that be shown and there is one: who withholds it comes as "anonymous"
    or as what its letters are on a telephone's keys, +266696687."""
    ours = open_call.called if open_call.direction == "inbound" else open_call.caller
    theirs = open_call.caller
    if caller_may_show and open_call.direction == "inbound" and is_valid(theirs):
        return theirs
    return ours
