"""The leg of a warm transfer's target at Telnyx: the target hears the brief and the question, and joins a conference.

1. call.answered: the brief is spoken. A key ends it, but words are ignored, because people say "yes?" when they answer.
2. call.gather.ended without a key: the question is asked, and speech is reported as words. 3. call.gather.ended with a
key, or call.transcription: the decision. A conference is created, or the leg is hung up.
"""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final
from uuid import NAMESPACE_URL, UUID, uuid5

import structlog

from control.calls.announcements import target_brief_text, target_question_text
from control.calls.carrier_reports.rules import CarrierStatus
from control.calls.carrier_reports.service import apply_status
from control.calls.records.details import LEG_COST
from control.calls.transfers import service as transfers_service
from control.calls.transfers.rules import WarmTransfer
from control.calls.transfers.spoken_decision import Decision, read_decision, takes_words
from control.carriers.rules import CarrierRefused
from control.db.pool import Connection
from control.inbound_webhooks.telnyx.commands import CallCommands, Effect
from control.inbound_webhooks.telnyx.wire import TelnyxEvent, transfer_failure

# The pause between the brief and the question, and the target's time to answer, in seconds.
PAUSE_S: Final = 1.0
DECIDE_S: Final = 10.0
_BY_KEY: Final[dict[str, Decision]] = {"1": "accepted", "2": "declined"}
# The status of a gather during which the target hung up (API reference: call.gather.ended).
HUNG_UP: Final = "call_hangup"
Step = Callable[[], Awaitable[Effect | None]]
log = structlog.get_logger()


class TelnyxTargetLegs:
    """Handlers and commands of target legs, analogous to TelnyxHandlers and CallCommands."""

    def __init__(self, commands: CallCommands) -> None:
        self._commands = commands

    async def apply(self, db: Connection, event: TelnyxEvent, transfer_id: UUID, now: datetime) -> Step | None:
        """Apply an event of a target leg and return the resulting commands."""
        match event.type:
            case "call.answered":
                asked = await transfers_service.answer(db, transfer_id, event.call_control_id)
                return partial(self._tell, event, asked)
            case "call.gather.ended":
                return await self._gathered(db, event, transfer_id, now)
            case "call.transcription":
                return await self._heard(db, event, transfer_id)
            case "call.hangup":
                await transfers_service.end_leg(db, transfer_id, transfer_failure(event))
            case "call.cost":
                await self._add_cost(db, event, transfer_id)
        return None

    # --- The brief and the question -------------------------------------------------------------------------------

    async def _tell(self, event: TelnyxEvent, asked: WarmTransfer | None) -> Effect | None:
        if asked is None:
            return await self._hang_up(event)
        return await self._say(event, asked, target_brief_text(asked.language, asked.brief), PAUSE_S)

    async def _ask(self, event: TelnyxEvent, asked: WarmTransfer, now: datetime) -> Effect | None:
        language = asked.language if takes_words(asked.language) and await self._listen(event, asked) else ""
        refused = await self._say(event, asked, target_question_text(language), DECIDE_S)
        return refused or (lambda db: transfers_service.mark_asked(db, asked.id, now))

    async def _listen(self, event: TelnyxEvent, asked: WarmTransfer) -> bool:
        """Start Telnyx's transcription and return whether it reports words. If Telnyx refuses, only a key can
        decide."""
        try:
            await self._commands.targets.listen(event.call_control_id, asked.language, event.command_id("listen"))
        except CarrierRefused as refused:
            if refused.call_ended:
                raise
            log.warning("transfer.words_not_taken", carrier="telnyx", code=refused.code)
            return False
        return True

    async def _say(self, event: TelnyxEvent, asked: WarmTransfer, words: str, wait_s: float) -> Effect | None:
        """Speak to the target. Return the effect of a refusal, or None."""
        leg, command_id = event.call_control_id, event.command_id("ask")
        try:
            await self._commands.targets.ask(leg, words, asked.language, wait_s, command_id)
        except CarrierRefused as refused:
            return await self._give_up(event, asked.id, refused)
        return None

    # --- The decision ---------------------------------------------------------------------------------------------

    async def _gathered(self, db: Connection, event: TelnyxEvent, transfer_id: UUID, now: datetime) -> Step | None:
        """Apply a pressed key, or the end of the question without a key. A decision by words also ends the question."""
        decision = _BY_KEY.get(event["digits"])
        if decision is not None:
            return await self._decide(db, event, transfer_id, decision)
        transfer = await transfers_service.lock_transfer(db, transfer_id)
        if transfer is None or transfer.status == "accepted":
            return None
        if (
            transfer.status == "asking"
            and transfer.asked_at is None
            and event["status"] != HUNG_UP
            and not event["digits"]
        ):
            return partial(self._ask, event, transfer, now)
        await transfers_service.fail(db, transfer_id, "refused" if event["status"] == HUNG_UP else "no_answer")
        return partial(self._hang_up, event)

    async def _heard(self, db: Connection, event: TelnyxEvent, transfer_id: UUID) -> Step | None:
        """Apply spoken words. Words without a decision have no effect, and the time to answer continues."""
        transfer = await transfers_service.lock_transfer(db, transfer_id)
        if transfer is None or transfer.asked_at is None or transfer.status != "asking":
            return None
        decision = read_decision(event.words, transfer.language)
        return None if decision is None else await self._decide(db, event, transfer_id, decision)

    async def _decide(self, db: Connection, event: TelnyxEvent, transfer_id: UUID, decision: Decision) -> Step | None:
        """Apply the decision.

        The acceptance is stored before the conference is created, so that the end of the question or a second decision
        has no effect.
        """
        if decision == "declined":
            await transfers_service.fail(db, transfer_id, "refused")
        else:
            accepted = await transfers_service.accept(db, transfer_id, None)
            if accepted is not None:
                return partial(self._connect, event, accepted) if accepted.conference is None else None
        return partial(self._hang_up, event)

    async def _connect(self, event: TelnyxEvent, accepted: WarmTransfer) -> Effect | None:
        leg, targets, transfer_id = event.call_control_id, self._commands.targets, accepted.id
        if accepted.asked_at is not None:
            await targets.stop_asking(leg, _command_id(transfer_id, "stop"))
        try:
            name = str(transfer_id)
            conference = await targets.create_conference(leg, name, _command_id(transfer_id, "conference"))
        except CarrierRefused as refused:
            return await self._give_up(event, transfer_id, refused)

        async def store_acceptance(db: Connection) -> None:
            if await transfers_service.accept(db, transfer_id, conference) is None:
                await transfers_service.enqueue_target_end(db, transfer_id)

        return store_acceptance

    # --- Ends -----------------------------------------------------------------------------------------------------

    async def _give_up(self, event: TelnyxEvent, transfer_id: UUID, refused: CarrierRefused) -> Effect:
        """Give up the transfer. Raises the refusal if the leg has ended, because its report follows."""
        if refused.call_ended:
            raise refused
        log.error("transfer.target_hung_up", carrier="telnyx", kind=event.type, code=refused.code)
        await self._commands.hang_up(event.call_control_id)
        return lambda db: transfers_service.give_up(db, transfer_id)

    async def _hang_up(self, event: TelnyxEvent) -> Effect | None:
        await self._commands.hang_up(event.call_control_id)
        return None

    async def _add_cost(self, db: Connection, event: TelnyxEvent, transfer_id: UUID) -> None:
        """Add the leg's cost to the call."""
        call = await transfers_service.lock_call(db, transfer_id)
        if call is not None and call.carrier_call_id is not None:
            facts = {f"{LEG_COST}{event['call_leg_id'] or event.call_control_id}": {"total": event["total_cost"]}}
            report = CarrierStatus("telnyx", call.carrier_call_id, None, event.occurred_at, facts=facts)
            await apply_status(db, report)


def _command_id(transfer_id: UUID, command: str) -> str:
    """Return a command id shared by all events with the decision, because both a key and a word may arrive."""
    return str(uuid5(NAMESPACE_URL, f"{transfer_id}:{command}"))
