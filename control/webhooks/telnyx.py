"""Telnyx's events: each is stored with what it changes here; what it asks of Telnyx is done after the commit.

An event with commands stays open until they were carried out: what failed or came to nothing is done later.
"""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from datetime import datetime, timedelta
from functools import partial
from typing import Final

import structlog

from control.calls.model import Refused
from control.carriers.model import CarrierAway, CarrierRefused
from control.db.pool import Connection
from control.webhooks import telnyx_event as events
from control.webhooks.leading import Leading
from control.webhooks.store import State, Stored, call_of_leg, keep, mark_handled, note_failure
from control.webhooks.telnyx_event import Event
from control.webhooks.telnyx_line import Effect, TelnyxLine
from shared.bus.client import BusAway
from shared.errors import Unavailable

Step = Callable[[], Awaitable[Effect | None]]
Begin = Callable[[Connection, Event, datetime], Awaitable[Step | None]]
# After that long a caller has long hung up; whoever is left on the line hears nothing.
_TOO_LATE: Final = timedelta(seconds=60)
_STEERING: Final = frozenset({"call.initiated", "call.answered", "streaming.stopped", "streaming.failed"})
_NOT_REACHED: Final = frozenset({"timeout", "no_answer", "user_busy", "call_rejected", "not_found", "unspecified"})
log = structlog.get_logger()


class TelnyxCalls:
    """What reaches Telnyx as an error is Unavailable only: then it sends the event again. over_wait_s, commands_s: see
    WebhookOptions."""

    def __init__(self, leading: Leading, *, over_wait_s: float, commands_s: float) -> None:
        self._leading, self._commands_s = leading, commands_s
        self._line = TelnyxLine(leading, over_wait_s)
        self._calls = leading.rooms.calls
        self._begins: dict[str, Begin] = {
            "call.initiated": self._initiated,
            "call.answered": self._answered,
            "call.bridged": self._bridged,
            "call.hangup": self._hung_up,
            "call.cost": self._cost,
            "call.recording.saved": self._recorded,
            "call.recording.error": self._not_recorded,
            "call.speak.ended": self._spoken,
            "call.machine.detection.ended": self._machine,
            "call.machine.premium.detection.ended": self._machine,
            "streaming.stopped": self._stream_over,
            "streaming.failed": self._stream_over,
        }

    async def take(self, event: Event, now: datetime) -> tuple[State, Step | None]:
        """Stores a new event with what it changes here; tells what is left to do. One that was stored before is done,
        being done, or waits for `finish`."""

        async def work(db: Connection) -> tuple[State, Step | None]:
            state = await keep(db, events.stored(event), now, handled=False)
            return state, await self._begun(db, event, now) if state == "new" else None

        return await self._leading.transact(work)

    async def keep_open(self, event: Event, now: datetime) -> None:
        """Something of ours broke: for later."""
        await self._leading.transact(lambda db: keep(db, events.stored(event), now, handled=False))

    async def carry_out(self, event: Event, step: Step, now: datetime) -> None:
        """What Telnyx refuses it will refuse for ever, and is done with; what did not reach it, or not in time, stays
        open."""
        try:
            async with asyncio.timeout(self._commands_s):
                effect, error = await step(), None
        except CarrierRefused as refused:
            effect, error = None, refused.code
            if not refused.over:
                log.error("webhook.command_refused", carrier="telnyx", kind=event.type, code=refused.code)
        except (CarrierAway, BusAway, Unavailable, TimeoutError) as fault:
            await self._left_open(event, type(fault).__name__)
            return
        await self._leading.transact(lambda db: self._done(db, event, effect, error, now))

    async def finish(self, stored: Stored, received_at: datetime, now: datetime) -> None:
        """One that was left open, as far as it still makes sense."""
        event = events.restored(stored.payload, received_at)
        late = event.type in _STEERING and now - received_at > _TOO_LATE
        begin = self._given_up if late else None
        step = await self._leading.transact(lambda db: self._begun(db, event, now, begin))
        if step is not None:
            await self.carry_out(event, step, now)

    async def _begun(self, db: Connection, event: Event, now: datetime, begin: Begin | None = None) -> Step | None:
        if event.transfer_of:
            step = await self._target(db, event, now)
        else:
            step = await (begin or self._begins[event.type])(db, event, now)
        if step is None:
            await mark_handled(db, "telnyx", event.id, now)
        return step

    async def _done(
        self, db: Connection, event: Event, effect: Effect | None, error: str | None, now: datetime
    ) -> None:
        if effect is not None:
            await effect(db)
        await mark_handled(db, "telnyx", event.id, now, error)

    async def _left_open(self, event: Event, fault: str) -> None:
        log.warning("webhook.left_open", carrier="telnyx", kind=event.type, fault=fault)
        with suppress(Unavailable):  # it is open all the same
            await self._leading.transact(lambda db: note_failure(db, "telnyx", event.id, fault))

    # --- what the events change here, and what is left to do ---

    async def _initiated(self, db: Connection, event: Event, now: datetime) -> Step | None:
        if event.is_outbound:
            await self._calls.progress(db, events.state(event, "ringing"))
            return None
        outcome = await self._calls.arrive(db, events.ring(event), now)
        return partial(self._line.take, event, outcome)

    async def _answered(self, db: Connection, event: Event, now: datetime) -> Step | None:
        """Now there is a line: the agent gets it. Only now, for a ticket is good for a minute."""
        if event.is_outbound and event.call_id is None:
            return None  # not one that we placed
        await self._calls.progress(db, events.state(event, "in_progress"))
        outcome = await self._calls.answered(db, "telnyx", event.call, event.call_id, now)
        if isinstance(outcome, Refused) and outcome.call_id is None and not event.is_outbound:
            # Nothing is written down of its ringing: it arrives only now.
            outcome = await self._calls.arrive(db, events.ring(event), now)
        return partial(self._line.lead, event, outcome, now)

    async def _stream_over(self, db: Connection, event: Event, now: datetime) -> Step | None:
        open_call = await self._calls.go_on(db, "telnyx", event.call, now)
        return partial(self._line.after_stream, event, open_call, now)

    async def _spoken(self, db: Connection, event: Event, now: datetime) -> Step | None:
        """Telnyx's own voice only ever says that nobody will come."""
        return partial(self._line.hang_up, event.call)

    async def _given_up(self, db: Connection, event: Event, now: datetime) -> Step | None:
        open_call = await self._calls.go_on(db, "telnyx", event.call, now)
        return partial(self._line.end_if_alone, event, open_call)

    async def _target(self, db: Connection, event: Event, now: datetime) -> Step | None:
        """Of the leg to which a caller was to be put through: when it came to nothing, the caller is still there."""
        if event.type != "call.hangup" or event["hangup_cause"] not in _NOT_REACHED:
            return None
        return partial(self._line.tell_not_reached, event)

    async def _hung_up(self, db: Connection, event: Event, now: datetime) -> Step | None:
        await self._calls.progress(db, events.hung_up(event))
        return None

    async def _machine(self, db: Connection, event: Event, now: datetime) -> Step | None:
        await self._calls.progress(db, events.machine(event))
        return None

    async def _bridged(self, db: Connection, event: Event, now: datetime) -> Step | None:
        await self._calls.progress(db, events.note(event, bridged_at=event.at.isoformat()))
        return None

    async def _cost(self, db: Connection, event: Event, now: datetime) -> Step | None:
        cost = {"total": event["total_cost"], "parts": event.payload.get("cost_parts")}
        await self._calls.progress(db, events.note(event, cost=cost))
        return None

    async def _recorded(self, db: Connection, event: Event, now: datetime) -> Step | None:
        call = event.call or await call_of_leg(db, event["call_leg_id"]) or ""
        recording = events.recording(event, call)
        if recording is None:
            log.warning("webhook.recording_unknown", carrier="telnyx")
        else:
            await self._calls.carrier_recording(db, recording)
        return None

    async def _not_recorded(self, db: Connection, event: Event, now: datetime) -> Step | None:
        await self._calls.progress(db, events.note(event, recording="error", error=event["reason"]))
        return None
