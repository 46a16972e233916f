"""The leg of a warm transfer's target at Telnyx: asked when it is answered, and put into a conference by key."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final
from uuid import UUID

import structlog

from control.calls import warm_transfers
from control.calls.announcements import target_asked_text
from control.calls.details import LEG_COST
from control.calls.model import CarrierStatus
from control.calls.service import Calls
from control.calls.warm_transfer import WarmTransfer
from control.carriers.model import CarrierRefused
from control.db.pool import Connection
from control.webhooks.telnyx.commands import CallCommands, Effect
from control.webhooks.telnyx.event import TelnyxEvent, transfer_failure

# How long the target may think about it, after the words.
DECIDE_S: Final = 10.0
ACCEPT_KEY: Final = "1"
DECLINE_KEY: Final = "2"
# The status of a gather during which the target hung up (API reference: call.gather.ended).
HUNG_UP: Final = "call_hangup"
log = structlog.get_logger()
Step = Callable[[], Awaitable[Effect | None]]


class TelnyxTargetLegs:
    """Handlers and commands of these legs, as TelnyxHandlers has them of calls."""

    def __init__(self, calls: Calls, commands: CallCommands) -> None:
        self._calls, self._commands = calls, commands

    async def apply(self, db: Connection, event: TelnyxEvent, transfer_id: UUID, now: datetime) -> Step | None:
        """The effect of an event of such a leg, and the commands that follow."""
        match event.type:
            case "call.answered":
                asked = await warm_transfers.answer(db, transfer_id, event.call_control_id)
                return partial(self._ask, event, asked)
            case "call.gather.ended":
                return await self._decided(db, event, transfer_id)
            case "call.hangup":
                await warm_transfers.end_leg(db, transfer_id, transfer_failure(event))
            case "call.cost":
                await self._add_cost(db, event, transfer_id)
        return None

    async def _ask(self, event: TelnyxEvent, asked: WarmTransfer | None) -> Effect | None:
        leg = event.call_control_id
        if asked is None:
            await self._commands.hang_up(leg)
            return None
        words = target_asked_text(asked.language, asked.brief)
        try:
            await self._commands.targets.ask(leg, words, asked.language, DECIDE_S, event.command_id("ask"))
        except CarrierRefused as refused:
            return await self._give_up(event, asked.id, refused)
        return None

    async def _decided(self, db: Connection, event: TelnyxEvent, transfer_id: UUID) -> Step | None:
        if event["digits"] != ACCEPT_KEY:
            has_declined = event["digits"] == DECLINE_KEY or event["status"] == HUNG_UP
            await warm_transfers.fail(db, transfer_id, "refused" if has_declined else "no_answer")
        elif await warm_transfers.is_wanted(db, transfer_id):
            return partial(self._accept, event, transfer_id)
        return partial(self._hang_up, event)

    async def _accept(self, event: TelnyxEvent, transfer_id: UUID) -> Effect | None:
        name, command_id = str(transfer_id), event.command_id("conference")
        try:
            conference = await self._commands.targets.create_conference(event.call_control_id, name, command_id)
        except CarrierRefused as refused:
            return await self._give_up(event, transfer_id, refused)

        async def store_acceptance(db: Connection) -> None:
            if await warm_transfers.accept(db, transfer_id, conference) is None:
                await warm_transfers.enqueue_target_end(db, transfer_id)

        return store_acceptance

    async def _give_up(self, event: TelnyxEvent, transfer_id: UUID, refused: CarrierRefused) -> Effect:
        """Telnyx does not ask the target, or makes no conference: the caller is to know at once, and the target would
        hear nothing. Raises the refusal where the leg is over, whose report follows."""
        if refused.call_ended:
            raise refused
        log.error("transfer.target_hung_up", carrier="telnyx", kind=event.type, code=refused.code)
        await self._commands.hang_up(event.call_control_id)
        return lambda db: warm_transfers.fail(db, transfer_id, "failed")

    async def _hang_up(self, event: TelnyxEvent) -> Effect | None:
        await self._commands.hang_up(event.call_control_id)
        return None

    async def _add_cost(self, db: Connection, event: TelnyxEvent, transfer_id: UUID) -> None:
        """The leg's cost is the call's."""
        call = await warm_transfers.lock_call(db, transfer_id)
        if call is not None and call.carrier_call_id is not None:
            facts = {f"{LEG_COST}{event['call_leg_id'] or event.call_control_id}": {"total": event["total_cost"]}}
            report = CarrierStatus("telnyx", call.carrier_call_id, None, event.occurred_at, facts=facts)
            await self._calls.apply_carrier_status(db, report)
