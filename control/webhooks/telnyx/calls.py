"""Receives Telnyx's events: each is stored with its effect in the database; its commands are run after the commit.

An event stays open until its commands were run: those that failed, or came to nothing, are run again by a retry.
"""

import asyncio
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

import structlog
from aiohttp import web

from control.calls.service import Calls
from control.calls.stream_end import StreamEndedJob
from control.carriers.model import CarrierRefused, CarrierUnavailable
from control.db.pool import Connection
from control.webhooks.inbox.store import EventState, OpenEvent, mark_handled, set_last_error, store_once
from control.webhooks.parts import WebhookParts
from control.webhooks.telnyx import event as events
from control.webhooks.telnyx.commands import CallCommands, Effect
from control.webhooks.telnyx.event import HANDLED_TYPES, TelnyxEvent
from control.webhooks.telnyx.handlers import Handler, Step, TelnyxHandlers
from shared.bus.client import BusUnavailable
from shared.errors import Unavailable

# A caller has hung up by then; whoever is left on the line hears nothing.
_TOO_LATE: Final = timedelta(seconds=60)
# Events whose commands make no sense when they are that late.
_URGENT: Final = frozenset({"call.initiated", "call.answered", "streaming.stopped", "streaming.failed"})
log = structlog.get_logger()


class TelnyxCalls:
    """Answers Telnyx with an error only when it should send the event again: Unavailable, without a database."""

    def __init__(self, parts: WebhookParts) -> None:
        self._options, self._background, self._inbox = parts.options, parts.background, parts.inbox
        self._transact = parts.transactions.run
        commands = CallCommands(parts.routing, parts.options.outcome_wait_s)
        self._handlers = TelnyxHandlers(parts.services[Calls], commands)

    async def receive(self, event: TelnyxEvent, now: datetime) -> web.Response:
        """Stores an event and runs its commands; those that take longer than inline_commands_s go on after the answer.
        Unknown types are answered and not stored."""
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
        """Applies an event that stayed open and runs its commands, as far as they still make sense."""
        event = events.from_stored_payload(open_event.event.payload, open_event.received_at)
        is_late = event.type in _URGENT and now - open_event.received_at > _TOO_LATE
        handler = self._handlers.abandon if is_late else None
        step = await self._transact(lambda db: self._apply(db, event, now, handler))
        if step is not None:
            await self._run(event, step, now)

    async def receive_stream_end(self, job: StreamEndedJob, now: datetime) -> None:
        """Does what follows the end of a stream that media has reported. Telnyx's own report of the same end is then a
        repeat, and the other way round."""
        event = events.stream_end(job, now)
        _, step = await self._store(event, now)
        if step is not None:
            await self._run(event, step, now)

    async def _store(self, event: TelnyxEvent, now: datetime) -> tuple[str, Step | None]:
        stored = events.to_stored_event(event)

        async def store_and_apply(db: Connection) -> tuple[EventState, Step | None]:
            """Of an event that was stored before, the commands were run, are being run, or wait for a retry."""
            state = await store_once(db, stored, now, handled=False)
            return state, await self._apply(db, event, now) if state == "new" else None

        # A recording's URL signs in by itself and is not stored, so a failed event of it has to come again.
        is_complete = event.type != "call.recording.saved"
        result = await self._inbox.store(stored, store_and_apply, now, is_complete=is_complete)
        return ("broken", None) if result is None else result

    async def _apply(
        self, db: Connection, event: TelnyxEvent, now: datetime, handler: Handler | None = None
    ) -> Step | None:
        """Applies the event's effect and returns its commands; without commands the event is closed."""
        step = await self._handlers.apply(db, event, now, handler)
        if step is None:
            await mark_handled(db, event.key, now)
        return step

    async def _run(self, event: TelnyxEvent, step: Step, now: datetime) -> None:
        """Runs commands and closes the event. A command that Telnyx refuses would be refused again, so that closes it
        too; one that did not reach Telnyx in time leaves it open."""
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
        with suppress(Unavailable):  # the event is open without the reason, too
            await self._transact(lambda db: set_last_error(db, event.key, reason))
