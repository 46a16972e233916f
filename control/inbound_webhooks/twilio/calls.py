"""Twilio's webhooks: all steps of a call.

An inbound call takes the steps in this order. An outbound call starts with status callbacks.

1. INBOUND: a call rings. `connect_call` stores the event and admits the call in one transaction, chooses a media node
   and answers `<Connect><Stream>`. A refused call gets `<Reject>`, or `<Say>` and `<Hangup>`, as defined in REFUSALS
   (`control/calls/records/refusals.py`).
2. STATUS: ringing, in-progress, and so on. `receive_status` stores each event with its effect, in any order. 3.
CONTINUE, requested by `<Connect action>`: the media stream ended. `continue_call` hangs up if the conversation has
   ended, dials if the call is transferred, and connects the call to another node (the answer of step 1) if its node
   was lost.
4. CONTINUE, requested by `<Dial action>`: the transfer ended. `continue_call` hangs up, or reconnects the caller to the
   agent if nobody answered. TARGET: the target of a warm transfer is asked (`target_legs.py`). STREAM also reports the
   end of each stream: if CONTINUE is not requested, a job makes Twilio request it (`tasks.py`).
5. STATUS: completed. RECORDING: a recording can be fetched.
"""

import asyncio
from collections.abc import Awaitable, Collection, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog
from aiohttp import web

from control.agents.destinations import is_ordinary_destination
from control.calls.admission.service import CallAdmission
from control.calls.announcements import transfer_failed_text
from control.calls.carrier_reports.service import apply_status
from control.calls.live.service import MediaAssignment, StreamTarget, record_media_node
from control.calls.outbound.service import OutboundCalls
from control.calls.recordings.service import add_recording
from control.calls.records.refusals import REFUSALS, RefusedCall
from control.calls.records.running_calls import AdmittedCall, OpenCall, StreamFollowed
from control.calls.records.service import find_open
from control.calls.records.state import FINAL, TRANSFER_S
from control.calls.transfers import service as transfers_service
from control.calls.transfers.rules import transfer_caller_id
from control.carriers.rules import locale
from control.carriers.twilio_forms import RETRY_FRAGMENT
from control.db.errors import is_database_unavailable
from control.db.jobs import enqueue
from control.db.pool import Connection
from control.inbound_webhooks.queries import OpenEvent, store_once
from control.inbound_webhooks.service import SourceDefinition, WebhookInbox, WebhookParts
from control.inbound_webhooks.source import (
    CONTINUE,
    INBOUND,
    RECORDING,
    STATUS,
    STREAM,
    TARGET,
    TWILIO_ROUTES,
    WebhookSource,
)
from control.inbound_webhooks.twilio import wire
from control.inbound_webhooks.twilio.signature import TwilioReader
from control.inbound_webhooks.twilio.target_legs import TwilioTargetLegs
from control.inbound_webhooks.twilio.wire import TwilioForm, TwilioKind, from_stored_payload, parse_iso_time
from shared.bus.checkpoints import StreamOutcome
from shared.bus.client import BusUnavailable
from shared.events import TransferFailure
from shared.logs import error_fields

CHECK_STREAM: Final = "calls.check_stream"
# Twilio requests the next instruction within a second.
CHECK_AFTER_S: Final = 2.0


class CheckStreamJob(msgspec.Struct, frozen=True):
    """Payload of the job that checks the end of a stream.

    Attributes:
        leg: Leg of the stream.
        ended_at: Seconds since the epoch.
        language: The agent's locale.
        is_error: The stream had an error and may continue, because Twilio reports some errors as warnings (docs: error
            31951).
    """

    call_id: UUID
    leg: int
    ended_at: float
    language: str = "en"
    is_error: bool = False


def continue_path(call_id: UUID | None, leg: int, language: str) -> str:
    """Return the path and query where Twilio requests the next instruction after a stream.

    The query contains the language, so that an announcement needs no look-up during an outage.
    """
    return f"{CONTINUE}?call={call_id or ''}&leg={leg}&language={language}"


async def enqueue_stream_check(db: Connection, form: TwilioForm, now: datetime) -> None:
    """Enqueue the check of a stream's end. Do nothing if the report is about the start of a stream."""
    if form["StreamEvent"] in ("stream-stopped", "stream-error") and form.call_id is not None:
        ended_at = parse_iso_time(form["Timestamp"], now).timestamp()
        is_error = form["StreamEvent"] == "stream-error"
        job = CheckStreamJob(form.call_id, form.leg, ended_at, form.language, is_error)
        await enqueue(db, CHECK_STREAM, msgspec.json.encode(job), delay_s=CHECK_AFTER_S)


# DialCallStatus of an answered transfer (docs: TwiML <Dial>).
_TRANSFER_ANSWERED: Final = frozenset({"completed", "answered"})
# DialCallStatus of an unanswered transfer (docs: TwiML <Dial>). Other values, such as "canceled", count as failed.
_FAILURES: Final[Mapping[str, TransferFailure]] = {"busy": "busy", "no-answer": "no_answer"}
# Seconds between checks for the stream that a concurrent copy of the request is assigned.
_POLL_S: Final = 0.025
log = structlog.get_logger()


class TwilioCalls:
    """Implements the steps of a call that the module's docstring lists. All forms are verified."""

    def __init__(self, parts: WebhookParts) -> None:
        self._options, self._background, self._inbox = parts.options, parts.background, parts.inbox
        self._metrics, self._routing, self._services = parts.metrics, parts.routing, parts.services
        self._deferral = parts.deferral
        self._transact = parts.transactions.run

    async def connect_call(self, form: TwilioForm, now: datetime) -> web.Response:
        """Answer the first request of an inbound call, or of an outbound call that was answered."""
        return await self._answer("inbound", self._connect_call(form, now))

    async def continue_call(self, form: TwilioForm, now: datetime) -> web.Response:
        """Answer the request for the next step after a media stream or a transfer has ended."""
        next_step = self._transfer_ended if form["DialCallStatus"] else self._stream_ended
        return await self._answer("continue", next_step(form, now))

    async def _answer(self, kind: TwilioKind, work: Awaitable[str]) -> web.Response:
        """Run `work` and return its TwiML.

        A caller is on the line, so an error is answered with a spoken apology and never with an error status.
        """
        try:
            async with asyncio.timeout(self._options.deadline_s):
                text = await work
        except Exception as error:  # noqa: BLE001
            log.error("webhook.apologised", source="twilio", kind=kind, **error_fields(error))
            self._metrics.apologies.labels("twilio").inc()
            text = wire.say_and_hang_up(self._options.apology, "en-US")
        self._inbox.count("twilio", kind, "answered")
        return web.Response(text=text, content_type="text/xml", charset="utf-8")

    # --- A call needs instructions --------------------------------------------------------------------------------

    async def _connect_call(self, form: TwilioForm, now: datetime) -> str:
        call = await self._transact(lambda db: self._store_and_admit(db, form, now))
        if isinstance(call, RefusedCall):
            return _reject_or_say(call) if not form.is_outbound else _say_refusal(call)
        # Outbound calls are recorded by a parameter of their creation (control/carriers/twilio_forms.py).
        records = call.records_at_carrier and not form.is_outbound
        return await self._connect_stream(call, now, records=records)

    async def _store_and_admit(self, db: Connection, form: TwilioForm, now: datetime) -> AdmittedCall | RefusedCall:
        """Store the event and admit the call.

        Twilio repeats a request only if it did not execute our answer. If the call has not ended, the repeat gets the
        same call with a new ticket.
        """
        kind: TwilioKind = "answered" if form.is_outbound else "inbound"
        await store_once(db, wire.to_stored_event(kind, form), now, handled=True)
        if form.is_outbound:
            return await self._services[CallAdmission].admit_answered(db, "twilio", form.call_sid, form.call_id, now)
        return await self._services[CallAdmission].admit_inbound(db, wire.incoming_call(form), now)

    async def _connect_stream(
        self, call: AdmittedCall, now: datetime, exclude: Collection[str] = (), *, records: bool = False
    ) -> str:
        """Return the TwiML that connects the call's media stream.

        Args:
            records: Whether to record the call from now to its end, including further streams.
        """
        stream = await self._routing.assign_media(call, exclude)
        if isinstance(stream, RefusedCall):
            return self._refuse(stream, now)
        self._background.start("record_media_node", self._record_media_node(call, stream))
        return self._stream_to(stream, call.call_id, call.leg, locale(call.plan.agent.language), records=records)

    def _stream_to(self, stream: StreamTarget, call_id: UUID, leg: int, spoken: str, *, records: bool = False) -> str:
        action = self._continue_url(call_id, leg, spoken)
        report = f"{self._options.url}{STREAM}?call={call_id}&leg={leg}&language={spoken}{RETRY_FRAGMENT}"
        recording = f"{self._options.url}{RECORDING}?call={call_id}{RETRY_FRAGMENT}" if records else ""
        return wire.connect(
            f"{stream.url}/media/twilio", stream.token, action, stream_callback=report, recording_callback=recording
        )

    async def _record_media_node(self, call: AdmittedCall, stream: StreamTarget) -> None:
        """Store the media node after the answer. If this fails, the next leg only lacks the node to avoid."""
        await self._transact(lambda db: record_media_node(db, call, stream.node_id))

    # --- The media stream ended: <Connect action> (docs: TwiML <Connect>) ------------------------------------------

    async def _stream_ended(self, form: TwilioForm, now: datetime) -> str:
        try:
            call = await self._load_call(form, now)
        except Exception as error:
            if not is_database_unavailable(error):
                raise
            return await self._end_without_database(form, now, error)
        if form.is_ended:
            if call is not None:
                self._background.start("note_loss", self._routing.note_loss(call, now))
            return wire.hang_up()
        try:
            outcome = await self._wait_for_outcome(call, form)
        except BusUnavailable:
            refused = await self._routing.refuse_cut_off(call, form.language)
            return wire.hang_up() if refused is None else self._refuse(refused, now)
        if outcome is not None:
            return await self._carry_out(call, form, outcome, now)
        if call is None or call.status in FINAL:
            return wire.hang_up()
        return await self._resume(call, form, now)

    async def _carry_out(self, call: OpenCall | None, form: TwilioForm, outcome: StreamOutcome, now: datetime) -> str:
        """Return the TwiML for the outcome. If the target has left the conference, the caller continues with the
        agent.
        """
        if call is not None and outcome.number and not await self._prepare_transfer(call, outcome, now):
            return await self._return_to_agent(form, "failed", now)
        return self._hang_up_or_transfer(call, form, outcome)

    async def _prepare_transfer(self, call: OpenCall, outcome: StreamOutcome, now: datetime) -> bool:
        """Return whether the transfer may be carried out.

        A transfer to a conference requires that the target still waits in it. A transfer to a number requires that the
        workspace may call the number, whoever named it. A blind transfer ends the calls to targets of warm transfers.
        If the database is unavailable, the transfer is carried out unless the number alone forbids it.
        """

        async def prepare(db: Connection) -> bool:
            if outcome.conference:
                return await transfers_service.join(db, call.call_id, outcome.conference, now)
            if not await transfers_service.may_transfer(db, self._services[OutboundCalls], call, outcome.number):
                return False
            await transfers_service.release(db, call.call_id)
            return True

        try:
            async with asyncio.timeout(self._options.lookup_s):
                return await self._transact(prepare)
        except Exception as error:
            if not is_database_unavailable(error):
                raise
            return bool(outcome.conference) or is_ordinary_destination(outcome.number)

    async def _load_call(self, form: TwilioForm, now: datetime) -> OpenCall | None:
        async def store_and_load(db: Connection) -> OpenCall | None:
            await store_once(db, wire.to_stored_event("continue", form), now, handled=True)
            if form.is_ended:
                await apply_status(db, wire.call_status(form, now))
            return await find_open(db, "twilio", form.call_sid, now)

        async with asyncio.timeout(self._options.lookup_s):
            return await self._transact(store_and_load)

    async def _wait_for_outcome(self, call: OpenCall | None, form: TwilioForm) -> StreamOutcome | None:
        """Wait for the outcome of the stream.

        If the call's end is already stored, the method does not wait, because the outcome is available or will never
        arrive. Raises BusUnavailable.
        """
        wait = self._services[MediaAssignment].wait_for_outcome
        if call is not None:
            wait_s = 0 if call.status in FINAL else self._options.outcome_wait_s
            return await wait(call.call_id, call.media_node, wait_s, leg=call.leg)
        return None if form.call_id is None else await wait(form.call_id, None, 0, leg=form.leg)

    async def _resume(self, call: OpenCall, form: TwilioForm, now: datetime) -> str:
        """Resume the call on another node.

        A repeated or replayed request about the same stream gets the same answer, whose ticket can be used once.
        """
        if form.leg < call.leg and (known := await self._find_stream(call, call.leg)) is not None:
            return self._stream_to(known, call.call_id, call.leg, locale(form.language))
        try:
            resumed, lost_nodes = await self._routing.resume(call, now, form.language)
        except StreamFollowed as followed:
            stream = await self._wait_for_stream(call, followed.leg)
            return self._stream_to(stream, call.call_id, followed.leg, locale(form.language))
        if isinstance(resumed, RefusedCall):
            return self._refuse(resumed, now)
        return await self._connect_stream(resumed, now, lost_nodes)

    async def _find_stream(self, call: OpenCall, leg: int) -> StreamTarget | None:
        """Return the target that a stream of the call was assigned. Return None also while Redis is unavailable."""
        with suppress(BusUnavailable):
            return await self._services[MediaAssignment].find_assignment(call.call_id, leg)
        return None

    async def _wait_for_stream(self, call: OpenCall, leg: int) -> StreamTarget:
        """Return the stream that a concurrent copy of the request is assigned.

        Raises TimeoutError if no stream is assigned, because no node has room or Redis is unavailable.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + self._routing.timeout_s
        found = await self._find_stream(call, leg)
        while found is None and loop.time() < until:
            await asyncio.sleep(_POLL_S)
            found = await self._find_stream(call, leg)
        if found is None:
            raise TimeoutError
        return found

    async def _end_without_database(self, form: TwilioForm, now: datetime, error: Exception) -> str:
        """End the call without the database. The URL has our id of the call, so its outcome can be read from the bus.

        Raises `error` if there is no outcome, because only the database shows whether the call may be resumed. Twilio's
        request is stored later. Otherwise the check of the stream (`tasks.py`) would redirect the call in the middle of
        its transfer.
        """
        if form.is_ended:
            return wire.hang_up()
        outcome = None
        if form.call_id is not None:
            wait_s = self._options.outcome_wait_s
            outcome = await self._services[MediaAssignment].wait_for_outcome(form.call_id, None, wait_s, leg=form.leg)
        if outcome is None:
            raise error
        log.warning("call.continued_without_database", carrier="twilio", call_id=str(form.call_id), leg=form.leg)
        self._background.start("defer_continue", self._defer_continue(form, now))
        return self._hang_up_or_transfer(None, form, outcome)

    async def _defer_continue(self, form: TwilioForm, now: datetime) -> None:
        if not await self._deferral.defer(wire.to_stored_event("continue", form), now):
            log.warning("webhook.not_deferred", source="twilio", kind="continue")

    def _hang_up_or_transfer(self, call: OpenCall | None, form: TwilioForm, outcome: StreamOutcome) -> str:
        spoken = locale(outcome.language or form.language)
        if outcome.number and call is None and not is_ordinary_destination(outcome.number):
            log.warning("transfer.destination_refused", call_id=str(form.call_id), code="number_refused")
            return wire.say_and_hang_up(transfer_failed_text(form.language), locale(form.language))
        if not outcome.number:
            return wire.say_and_hang_up(outcome.words, spoken) if outcome.words else wire.hang_up()
        # With an empty callerId, Twilio shows the caller of the call (docs: TwiML <Dial>).
        caller_id = "" if call is None else transfer_caller_id(call, caller_allowed=True)
        if not caller_id and form["Direction"].startswith("outbound"):
            caller_id = form["From"]
        action = self._continue_url(form.call_id, form.leg, form.language)
        if outcome.conference:
            return wire.join_conference(outcome.conference, TRANSFER_S, action)
        return wire.dial(outcome.number, caller_id, action, TRANSFER_S, words=outcome.words, locale=spoken)

    # --- The transfer ended: <Dial action> (docs: TwiML <Dial>) ----------------------------------------------------

    async def _transfer_ended(self, form: TwilioForm, now: datetime) -> str:
        """Return an unanswered caller to the agent.

        If the database is unavailable or the call cannot continue, Twilio announces that the transfer was not answered.
        The event is stored after the answer.
        """
        self._background.start("transfer_ended", self._store_continue(form, now))
        if form.is_ended or form["DialCallStatus"] in _TRANSFER_ANSWERED:
            return wire.hang_up()
        return await self._return_to_agent(form, _FAILURES.get(form["DialCallStatus"], "failed"), now)

    async def _return_to_agent(self, form: TwilioForm, failure: TransferFailure, now: datetime) -> str:
        try:
            call = await self._take_back(form, failure, now)
        except Exception as error:
            if not is_database_unavailable(error):
                raise
            call = None
        if call is None or call.status in FINAL:
            return wire.say_and_hang_up(transfer_failed_text(form.language), locale(form.language))
        log.info("transfer.returned", carrier="twilio", call_id=str(call.call_id), failure=call.returned)
        return await self._resume(call, form, now)

    async def _take_back(self, form: TwilioForm, failure: TransferFailure, now: datetime) -> OpenCall | None:
        async with asyncio.timeout(self._options.lookup_s):
            return await self._transact(
                lambda db: transfers_service.lead_back(
                    db, "twilio", form.call_sid, failure, now, leg=form.leg, target=form["DialCallSid"]
                )
            )

    async def _store_continue(self, form: TwilioForm, now: datetime) -> None:
        await self._transact(lambda db: store_once(db, wire.to_stored_event("continue", form), now, handled=True))

    # --- Shared by the steps ---------------------------------------------------------------------------------------

    def _refuse(self, refused: RefusedCall, now: datetime) -> str:
        """Return the refusal and store it after the answer, because the caller is waiting."""
        self._background.start("record_refusal", self._routing.record_refusal(refused, now))
        return _say_refusal(refused)

    def _continue_url(self, call_id: UUID | None, leg: int, language: str) -> str:
        return self._options.url + continue_path(call_id, leg, language)


def _reject_or_say(refused: RefusedCall) -> str:
    """Return the TwiML that refuses a call before it is answered."""
    response = REFUSALS[refused.reason].twilio
    return _say_refusal(refused) if response == "spoken" else wire.reject(response)


def _say_refusal(refused: RefusedCall) -> str:
    return wire.say_and_hang_up(refused.announcement, locale(refused.language))


class StatusCallbacks:
    """Stores each status event once, together with its effect, and answers with 204."""

    def __init__(self, inbox: WebhookInbox) -> None:
        self._inbox = inbox

    async def receive_status(self, form: TwilioForm, now: datetime) -> web.Response:
        """Store a call's status, or the result of answering-machine detection.

        Both have the same address, but a detection result has no SequenceNumber (docs: voice/api/call-resource,
        AsyncAmdStatusCallback).
        """
        is_machine_result = form["AnsweredBy"] and not form["SequenceNumber"]
        return await self._receive("amd" if is_machine_result else "status", form, now)

    async def receive_recording(self, form: TwilioForm, now: datetime) -> web.Response:
        """Store a recording that Twilio made or failed to make."""
        return await self._receive("recording", form, now)

    async def receive_stream(self, form: TwilioForm, now: datetime) -> web.Response:
        """Store that a media stream ended or failed (docs: TwiML <Stream>, statusCallback). The start is not stored."""
        if form["StreamEvent"] == "stream-started":
            self._inbox.count("twilio", "stream", "ignored")
            return web.Response(status=204)
        return await self._receive("stream", form, now)

    async def retry(self, open_event: OpenEvent, now: datetime) -> None:
        """Apply an open event."""
        event = open_event.event
        form = wire.from_stored_payload(event.payload)
        await self._inbox.finish(event, lambda db: self._apply(db, event.event_type, form, now), now)

    async def _receive(self, kind: TwilioKind, form: TwilioForm, now: datetime) -> web.Response:
        await self._inbox.receive(wire.to_stored_event(kind, form), lambda db: self._apply(db, kind, form, now), now)
        return web.Response(status=204)

    async def _apply(self, db: Connection, kind: str, form: TwilioForm, now: datetime) -> None:
        match kind:
            case "status":
                await apply_status(db, wire.call_status(form, now))
            case "amd":
                await apply_status(db, wire.machine_status(form, now))
            case "recording":
                recording = wire.recording(form)
                if recording is not None:
                    await add_recording(db, recording)
                elif form["RecordingStatus"] == "absent":
                    await apply_status(db, wire.recording_absent(form, now))
            case "stream":
                await enqueue_stream_check(db, form, now)
            case _:
                pass  # a request for instructions, whose answer is no longer needed


def build(parts: WebhookParts) -> WebhookSource[TwilioForm]:
    """Return the source with its handlers by address."""
    calls = TwilioCalls(parts)
    callbacks = StatusCallbacks(parts.inbox)
    return WebhookSource(
        reader=TwilioReader(parts.options),
        answers={
            INBOUND: calls.connect_call,
            STATUS: callbacks.receive_status,
            CONTINUE: calls.continue_call,
            RECORDING: callbacks.receive_recording,
            STREAM: callbacks.receive_stream,
            TARGET: TwilioTargetLegs(parts).receive,
        },
        retry=callbacks.retry,
        ordering_key=_call_sid,
    )


TWILIO: Final = SourceDefinition("twilio", TWILIO_ROUTES, build)


def _call_sid(open_event: OpenEvent) -> str:
    return from_stored_payload(open_event.event.payload).call_sid
