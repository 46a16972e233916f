"""Callbacks for which Twilio expects no instructions: call states, answering machines, recordings, streams' ends."""

from datetime import datetime

from aiohttp import web

from control.calls.service import Calls
from control.db.pool import Connection
from control.webhooks.inbox.inbox import WebhookInbox
from control.webhooks.inbox.store import OpenEvent
from control.webhooks.twilio import form as forms
from control.webhooks.twilio.form import TwilioForm, TwilioKind
from control.webhooks.twilio.stream_check import enqueue_stream_check


class StatusCallbacks:
    """Each event is stored once, together with its effect, and answered with 204."""

    def __init__(self, inbox: WebhookInbox, calls: Calls) -> None:
        self._inbox, self._calls = inbox, calls

    async def receive_status(self, form: TwilioForm, now: datetime) -> web.Response:
        """A call's state, or the result of answering-machine detection, which has the same address and no
        SequenceNumber (docs: voice/api/call-resource, AsyncAmdStatusCallback)."""
        is_machine_result = form["AnsweredBy"] and not form["SequenceNumber"]
        return await self._receive("amd" if is_machine_result else "status", form, now)

    async def receive_recording(self, form: TwilioForm, now: datetime) -> web.Response:
        """A recording that Twilio made, or could not make."""
        return await self._receive("recording", form, now)

    async def receive_stream(self, form: TwilioForm, now: datetime) -> web.Response:
        """A media stream began, ended or failed (docs: TwiML <Stream>, statusCallback). A beginning is not stored."""
        if form["StreamEvent"] == "stream-started":
            self._inbox.count("twilio", "stream", "ignored")
            return web.Response(status=204)
        return await self._receive("stream", form, now)

    async def retry(self, open_event: OpenEvent, now: datetime) -> None:
        """Applies an event that stayed open."""
        event = open_event.event
        form = forms.from_stored_payload(event.payload)
        await self._inbox.finish(event, lambda db: self._apply(db, event.event_type, form, now), now)

    async def _receive(self, kind: TwilioKind, form: TwilioForm, now: datetime) -> web.Response:
        await self._inbox.receive(forms.to_stored_event(kind, form), lambda db: self._apply(db, kind, form, now), now)
        return web.Response(status=204)

    async def _apply(self, db: Connection, kind: str, form: TwilioForm, now: datetime) -> None:
        match kind:
            case "status":
                await self._calls.apply_carrier_status(db, forms.call_status(form, now))
            case "amd":
                await self._calls.apply_carrier_status(db, forms.machine_status(form, now))
            case "recording":
                recording = forms.recording(form)
                if recording is not None:
                    await self._calls.add_carrier_recording(db, recording)
                elif form["RecordingStatus"] == "absent":
                    await self._calls.apply_carrier_status(db, forms.recording_absent(form, now))
            case "stream":
                await enqueue_stream_check(db, form, now)
            case _:
                pass  # a request for instructions: nobody waits for its answer any more
