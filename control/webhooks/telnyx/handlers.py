"""The effect of each type of event in the database, and the commands that follow from it."""

from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from typing import Final

import structlog

from control.calls.model import RefusedCall
from control.calls.service import Calls
from control.db.pool import Connection
from control.webhooks.telnyx import event as events
from control.webhooks.telnyx.commands import CallCommands, Effect, find_call
from control.webhooks.telnyx.event import TelnyxEvent
from control.webhooks.telnyx.store import find_call_of_leg
from control.webhooks.telnyx.target_legs import TelnyxTargetLegs

# Commands, run after the commit; they return what is to be stored when the event is closed.
Step = Callable[[], Awaitable[Effect | None]]
Handler = Callable[[Connection, TelnyxEvent, datetime], Awaitable[Step | None]]
# Events that show that the leg was reached. The cause of its hang-up does not: normal_clearing is also that of a target
# that declines (seen by users of Telnyx).
_REACHED: Final = frozenset({"call.answered", "call.bridged"})
log = structlog.get_logger()


class TelnyxHandlers:
    """Every handler runs within a transaction, asks nothing of Telnyx, and may run more than once."""

    def __init__(self, calls: Calls, commands: CallCommands) -> None:
        self._calls, self._commands = calls, commands
        self._target_legs = TelnyxTargetLegs(calls, commands)
        self._by_type: dict[str, Handler] = {
            "call.initiated": self._call_initiated,
            "call.answered": self._call_answered,
            "call.bridged": self._call_bridged,
            "call.hangup": self._call_hangup,
            "call.cost": self._call_cost,
            "call.recording.saved": self._recording_saved,
            "call.recording.error": self._recording_error,
            "call.speak.ended": self._speak_ended,
            "call.machine.detection.ended": self._machine_detected,
            "call.machine.premium.detection.ended": self._machine_detected,
            "call.machine.greeting.ended": self._greeting_ended,
            "call.machine.premium.greeting.ended": self._greeting_ended,
            "call.gather.ended": self._ignore,
            "call.transcription": self._ignore,
            "streaming.stopped": self._stream_ended,
            "streaming.failed": self._stream_ended,
        }

    async def apply(
        self, db: Connection, event: TelnyxEvent, now: datetime, handler: Handler | None = None
    ) -> Step | None:
        """handler: in place of the one of the event's type."""
        if event.target_of is not None:
            return await self._target_legs.apply(db, event, event.target_of, now)
        if event.transfer_of:
            return await self._transfer_leg(db, event, now)
        return await (handler or self._by_type[event.type])(db, event, now)

    async def abandon(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Handles an event that is too late to be acted on: hangs up, unless the call has its agent."""
        call = await find_call(self._calls, db, event, now)
        return partial(self._commands.hang_up_unless_live, event, call)

    async def _call_initiated(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        if event.is_outbound:
            await self._calls.apply_carrier_status(db, events.status_change(event, "ringing"))
            return None
        call = await self._calls.admit_inbound(db, events.incoming_call(event), now)
        await self._calls.apply_carrier_status(db, events.facts_only(event))
        return partial(self._commands.answer_or_reject, event, call, now)

    async def _call_answered(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """The stream is started only now, because its ticket is valid for a minute."""
        if event.is_outbound and event.call_id is None:
            return None  # not placed by us
        await self._calls.apply_carrier_status(db, events.status_change(event, "in_progress"))
        call = await self._calls.admit_answered(
            db, "telnyx", event.call_control_id, event.call_id, now, session_id=event.session_id
        )
        if isinstance(call, RefusedCall) and call.call_id is None and not event.is_outbound:
            # Its call.initiated was not stored; Telnyx does not promise an order (docs: receiving-webhooks).
            call = await self._calls.admit_inbound(db, events.incoming_call(event), now)
        return partial(self._commands.connect_agent, event, call, now)

    async def _stream_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        call = await find_call(self._calls, db, event, now)
        return partial(self._commands.continue_after_stream, event, call, now)

    async def _speak_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Telnyx's voice only speaks announcements after which the call ends."""
        return partial(self._commands.hang_up, event.call_control_id)

    async def _transfer_leg(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """An event of the leg that was called for a transfer: if it ends without having been reached, the caller goes
        on with the agent. A report of its cost may come in the midst of that."""
        if event.type == "call.cost":
            await self._calls.apply_carrier_status(db, events.transfer_leg_cost(event))
            return None
        report = events.transfer_leg_status(event, is_reached=event.type in _REACHED)
        await self._calls.apply_carrier_status(db, report)
        if event.type != "call.hangup":
            return None
        failure, leg, at = events.transfer_failure(event), event.call_control_id, event.occurred_at
        call = await self._calls.take_back(db, "telnyx", event.transfer_of, failure, at, target=leg)
        return None if call is None else partial(self._commands.return_to_agent, event, call, now)

    async def _call_hangup(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await self._calls.apply_carrier_status(db, events.hangup_status(event))
        return None

    async def _machine_detected(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await self._calls.apply_carrier_status(db, events.machine_status(event))
        return None

    async def _greeting_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await self._calls.apply_carrier_status(db, events.greeting_status(event))
        return None

    async def _call_bridged(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        bridged_at = event.occurred_at.isoformat()
        await self._calls.apply_carrier_status(db, events.facts_only(event, bridged_at=bridged_at))
        return None

    async def _ignore(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Keys and words are taken from targets of warm transfers only."""
        return None

    async def _call_cost(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        cost = {"total": event["total_cost"], "parts": event.payload.get("cost_parts")}
        await self._calls.apply_carrier_status(db, events.facts_only(event, cost=cost))
        return None

    async def _recording_saved(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        call_control_id = event.call_control_id or await find_call_of_leg(db, event["call_leg_id"]) or ""
        recording = events.recording(event, call_control_id)
        if recording is None:
            log.warning("recording.call_unknown", carrier="telnyx")
        else:
            await self._calls.add_carrier_recording(db, recording)
        return None

    async def _recording_error(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await self._calls.apply_carrier_status(db, events.facts_only(event, recording="error", error=event["reason"]))
        return None
