"""Telnyx's webhooks: all steps of a call.

Each event may come to any address and is processed in the same way. `TelnyxCalls.receive` stores the event with its
effect in the database (`TelnyxHandlers`, by the event's type), then runs the resulting commands (`CallCommands`).
Unlike TwiML, the answer to a webhook controls nothing. An inbound call:

1. call.initiated: the call is admitted, and answered or rejected by command. 2. call.answered: a media node is chosen,
and the stream is started by command. 3. streaming.stopped, streaming.failed: the call is hung up, transferred, or
streamed to another node. 4. call.speak.ended: an announcement has ended; the call is hung up. 5. call.hangup,
call.cost, call.recording.saved: stored.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog
from aiohttp import web

from control.calls.admission.service import CallAdmission
from control.calls.carrier_reports.service import apply_status
from control.calls.live.service import StreamEndedJob
from control.calls.recordings.service import add_recording
from control.calls.records.refusals import RefusedCall
from control.calls.transfers import service as transfers_service
from control.carriers.rules import CarrierRefused, CarrierUnavailable
from control.db.pool import Connection
from control.inbound_webhooks.queries import (
    EventState,
    OpenEvent,
    find_call_of_leg,
    mark_handled,
    set_last_error,
    store_once,
)
from control.inbound_webhooks.service import SourceDefinition, WebhookParts
from control.inbound_webhooks.source import CARRIER_ROUTES, WebhookSource
from control.inbound_webhooks.telnyx import wire
from control.inbound_webhooks.telnyx.commands import CallCommands, Effect, find_call
from control.inbound_webhooks.telnyx.signature import TelnyxReader
from control.inbound_webhooks.telnyx.target_legs import TelnyxTargetLegs
from control.inbound_webhooks.telnyx.wire import HANDLED_TYPES, TelnyxEvent, from_stored_payload
from shared.bus.client import BusUnavailable
from shared.errors import Unavailable

# Runs commands after the commit. Returns the effect to store when the event is closed.
Step = Callable[[], Awaitable[Effect | None]]
Handler = Callable[[Connection, TelnyxEvent, datetime], Awaitable[Step | None]]
# Events that show that the leg was reached. The cause of the hang-up does not show this: normal_clearing is also the
# cause if a target declines (reported by users of Telnyx).
_REACHED: Final = frozenset({"call.answered", "call.bridged"})
log = structlog.get_logger()


class TelnyxHandlers:
    """Applies events within a transaction. Handlers send no requests to Telnyx and may run more than once."""

    def __init__(self, admission: CallAdmission, commands: CallCommands) -> None:
        self._admission, self._commands = admission, commands
        self._target_legs = TelnyxTargetLegs(commands)
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
        """Apply an event with the handler of its type, or with `handler`."""
        if event.target_of is not None:
            return await self._target_legs.apply(db, event, event.target_of, now)
        if event.transfer_of:
            return await self._transfer_leg(db, event, now)
        return await (handler or self._by_type[event.type])(db, event, now)

    async def abandon(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Handle an event that arrived too late: hang up, unless the call is connected to its agent."""
        call = await find_call(db, event, now)
        return partial(self._commands.hang_up_unless_live, event, call)

    async def _call_initiated(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        if event.is_outbound:
            await apply_status(db, wire.status_change(event, "ringing"))
            return None
        call = await self._admission.admit_inbound(db, wire.incoming_call(event), now)
        await apply_status(db, wire.facts_only(event))
        return partial(self._commands.answer_or_reject, event, call, now)

    async def _call_answered(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Start the stream. It is not started earlier, because its ticket is valid for only a minute."""
        if event.is_outbound and event.call_id is None:
            return None  # not placed by us
        await apply_status(db, wire.status_change(event, "in_progress"))
        call = await self._admission.admit_answered(
            db, "telnyx", event.call_control_id, event.call_id, now, session_id=event.session_id
        )
        if isinstance(call, RefusedCall) and call.call_id is None and not event.is_outbound:
            # call.initiated may not be stored yet, because Telnyx does not guarantee an order (docs:
            # receiving-webhooks).
            call = await self._admission.admit_inbound(db, wire.incoming_call(event), now)
        return partial(self._commands.connect_agent, event, call, now)

    async def _stream_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        call = await find_call(db, event, now)
        return partial(self._commands.continue_after_stream, event, call, now)

    async def _speak_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """End the call, because Telnyx's voice speaks only announcements that end calls."""
        return partial(self._commands.hang_up, event.call_control_id)

    async def _transfer_leg(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Apply an event of a transfer leg.

        If the leg ends without having been reached, the caller continues with the agent. A report of its cost may
        arrive earlier.
        """
        if event.type == "call.cost":
            await apply_status(db, wire.transfer_leg_cost(event))
            return None
        report = wire.transfer_leg_status(event, is_reached=event.type in _REACHED)
        await apply_status(db, report)
        if event.type != "call.hangup":
            return None
        failure, leg, at = wire.transfer_failure(event), event.call_control_id, event.occurred_at
        call = await transfers_service.lead_back(db, "telnyx", event.transfer_of, failure, at, target=leg)
        return None if call is None else partial(self._commands.return_to_agent, event, call, now)

    async def _call_hangup(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await apply_status(db, wire.hangup_status(event))
        return None

    async def _machine_detected(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await apply_status(db, wire.machine_status(event))
        return None

    async def _greeting_ended(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await apply_status(db, wire.greeting_status(event))
        return None

    async def _call_bridged(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        bridged_at = event.occurred_at.isoformat()
        await apply_status(db, wire.facts_only(event, bridged_at=bridged_at))
        return None

    async def _ignore(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        """Ignore keys and words, because only targets of warm transfers are asked for them."""
        return None

    async def _call_cost(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        cost = {"total": event["total_cost"], "parts": event.payload.get("cost_parts")}
        await apply_status(db, wire.facts_only(event, cost=cost))
        return None

    async def _recording_saved(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        call_control_id = event.call_control_id or await find_call_of_leg(db, event["call_leg_id"]) or ""
        recording = wire.recording(event, call_control_id)
        if recording is None:
            log.warning("recording.call_unknown", carrier="telnyx")
        else:
            await add_recording(db, recording)
        return None

    async def _recording_error(self, db: Connection, event: TelnyxEvent, now: datetime) -> Step | None:
        await apply_status(db, wire.facts_only(event, recording="error", error=event["reason"]))
        return None


# By this time, a caller who hears nothing has hung up.
_TOO_LATE: Final = timedelta(seconds=60)
# Events whose commands are pointless after _TOO_LATE.
_URGENT: Final = frozenset({"call.initiated", "call.answered", "streaming.stopped", "streaming.failed"})


class TelnyxCalls:
    """Processes Telnyx's events.

    Raises Unavailable if the database is unavailable, so that Telnyx sends the event again.
    """

    def __init__(self, parts: WebhookParts) -> None:
        self._options, self._background, self._inbox = parts.options, parts.background, parts.inbox
        self._transact = parts.transactions.run
        commands = CallCommands(parts)
        self._handlers = TelnyxHandlers(parts.services[CallAdmission], commands)

    async def receive(self, event: TelnyxEvent, now: datetime) -> web.Response:
        """Store an event and run its commands.

        Commands that take longer than inline_commands_s continue after the answer. Events of unknown types are answered
        but not stored.
        """
        if event.type not in HANDLED_TYPES or not event.names_call:
            self._inbox.count("telnyx", "other", "passed_over")
            return web.Response(status=200)
        outcome, step = await self._store(event, now)
        self._inbox.count("telnyx", event.type, outcome)
        if step is not None:
            task = self._background.start(event.type, self._run(event, step, now))
            if task is not None:
                await asyncio.wait({task}, timeout=self._options.inline_commands_s)
        return web.Response(status=200)

    async def retry(self, open_event: OpenEvent, now: datetime) -> None:
        """Apply an open event, and run those of its commands that are not too late."""
        event = wire.from_stored_payload(open_event.event.payload, open_event.received_at)
        is_late = event.type in _URGENT and now - open_event.received_at > _TOO_LATE
        handler = self._handlers.abandon if is_late else None
        step = await self._transact(lambda db: self._apply(db, event, now, handler))
        if step is not None:
            await self._run(event, step, now)

    async def receive_stream_end(self, job: StreamEndedJob, now: datetime) -> None:
        """Continue a call after the end of a stream that a media node has reported.

        If Telnyx also reports this end, the later report counts as a repeat.
        """
        event = wire.stream_end(job, now)
        _, step = await self._store(event, now)
        if step is not None:
            await self._run(event, step, now)

    async def _store(self, event: TelnyxEvent, now: datetime) -> tuple[str, Step | None]:
        stored = wire.to_stored_event(event)

        async def store_and_apply(db: Connection) -> tuple[EventState, Step | None]:
            """Store the event and apply it. For a repeated event, the commands have been run, are running, or wait for
            a retry.
            """
            state = await store_once(db, stored, now, handled=False)
            return state, await self._apply(db, event, now) if state == "new" else None

        # The URL of a recording contains credentials and is not stored, so Telnyx must repeat a failed recording event.
        is_complete = event.type != "call.recording.saved"
        result = await self._inbox.store(stored, store_and_apply, now, is_complete=is_complete)
        return ("broken", None) if result is None else result

    async def _apply(
        self, db: Connection, event: TelnyxEvent, now: datetime, handler: Handler | None = None
    ) -> Step | None:
        """Apply the event's effect and return its commands. Close the event if there are no commands."""
        step = await self._handlers.apply(db, event, now, handler)
        if step is None:
            await mark_handled(db, event.key, now)
        return step

    async def _run(self, event: TelnyxEvent, step: Step, now: datetime) -> None:
        """Run commands and close the event.

        A command that Telnyx refuses also closes the event, because it would be refused again. A command that did not
        reach Telnyx in time leaves the event open.
        """
        try:
            async with asyncio.timeout(self._options.commands_s):
                effect, error = await step(), None
        except CarrierRefused as refused:
            effect, error = None, refused.code
            if not refused.call_ended:
                log.error("call.command_refused", carrier="telnyx", kind=event.type, code=refused.code)
        except (CarrierUnavailable, BusUnavailable, Unavailable, TimeoutError) as failure:
            await self._leave_open(event, type(failure).__name__)
            return
        await self._transact(lambda db: self._close(db, event, effect, error, now))

    async def _close(
        self, db: Connection, event: TelnyxEvent, effect: Effect | None, error: str | None, now: datetime
    ) -> None:
        if effect is not None:
            await effect(db)
        await mark_handled(db, event.key, now, error)

    async def _leave_open(self, event: TelnyxEvent, reason: str) -> None:
        log.warning("webhook.left_open", source="telnyx", kind=event.type, reason=reason)
        with suppress(Unavailable):  # the event stays open even without the reason
            await self._transact(lambda db: set_last_error(db, event.key, reason))


def build(parts: WebhookParts) -> WebhookSource[TelnyxEvent]:
    """Build the source. Raises ValueError for an invalid public key."""
    calls = TelnyxCalls(parts)
    return WebhookSource(
        reader=TelnyxReader(parts.options),
        answers={route.path: calls.receive for route in CARRIER_ROUTES},
        retry=calls.retry,
        ordering_key=_call_control_id,
    )


TELNYX: Final = SourceDefinition("telnyx", CARRIER_ROUTES, build)


def _call_control_id(open_event: OpenEvent) -> str:
    return from_stored_payload(open_event.event.payload, open_event.received_at).call_control_id
