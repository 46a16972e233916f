"""What both carriers need: a transaction with platform scope, and a call led to a media node or refused."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

import structlog

from control.calls.handover import NoRoom, Stream
from control.calls.model import Admitted, Open, Refused
from control.calls.words import busy
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.http.transaction import in_transaction
from control.webhooks.metrics import WebhookMetrics
from control.webhooks.ports import Rooms
from shared.bus.client import BusAway

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
        """Where the carrier is led, or what the caller is told: there is no room, or Redis is away or slow."""
        why = "too_slow"
        try:
            async with asyncio.timeout(self.connect_s):
                return await self.rooms.handover.connect(admitted, exclude)
        except NoRoom as none:
            why = none.why
        except TimeoutError:
            pass
        log.warning("webhook.no_room", why=why, call_id=str(admitted.call_id), leg=admitted.leg)
        return busy(admitted.plan.agent.language, admitted.call_id)

    async def resume(self, open_call: Open, now: datetime) -> Admitted | Refused:
        """The next leg's plan, from the last checkpoint."""
        try:
            async with asyncio.timeout(self.connect_s):
                checkpoint = await self.rooms.handover.checkpoint(open_call.call_id)
        except (BusAway, TimeoutError):
            return busy("en", open_call.call_id)
        outcome = await self.transact(lambda db: self.rooms.calls.resume(db, open_call, checkpoint, now))
        if isinstance(outcome, Admitted):
            log.info("webhook.resumed", carrier=outcome.carrier, call_id=str(outcome.call_id), leg=outcome.leg)
            self.metrics.resumed.labels(outcome.carrier).inc()
        return outcome

    async def note_refused(self, refused: Refused, now: datetime) -> None:
        """Writes down that an admitted call could not be carried."""
        if refused.call_id is not None:
            call_id = refused.call_id
            await self.transact(lambda db: self.rooms.calls.refuse(db, call_id, refused, now))


def lost_nodes(open_call: Open) -> Collection[str]:
    """Those that the next leg had better not be led to."""
    return (open_call.media_node,) if open_call.media_node else ()


def shown_number(open_call: Open, *, caller_may_show: bool) -> str:
    """The number that a transfer shows: of the two that the call has, ours; or the caller's own, so that whoever is
    called sees who phones, where the carrier lets that be shown and there is one."""
    ours = open_call.called if open_call.direction == "inbound" else open_call.caller
    theirs = open_call.caller
    if caller_may_show and open_call.direction == "inbound" and theirs.startswith("+") and theirs[1:].isdigit():
        return theirs
    return ours
