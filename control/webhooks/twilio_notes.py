"""What Twilio tells without waiting for instructions: states of calls, answering machines, recordings."""

from datetime import datetime

from control.db.pool import Connection
from control.webhooks import twilio_form as forms
from control.webhooks.leading import Leading
from control.webhooks.store import State, Stored, keep, mark_handled
from control.webhooks.twilio_form import Form, Kind


def kind_of_status(form: Form) -> Kind:
    """The word of answering-machine detection comes to the same address as the states."""
    return "amd" if form["AnsweredBy"] and not form["SequenceNumber"] else "status"


class TwilioNotes:
    """Each is stored once, together with its effect; one whose effect breaks is stored open, for later."""

    def __init__(self, leading: Leading) -> None:
        self._leading = leading

    async def take(self, kind: Kind, form: Form, now: datetime) -> State:
        """Raises Unavailable without a database, and whatever breaks inside."""
        return await self._leading.transact(lambda db: self._take(db, forms.stored(kind, form), form, now))

    async def _take(self, db: Connection, event: Stored, form: Form, now: datetime) -> State:
        state = await keep(db, event, now, handled=True)
        if state == "handled":
            return state
        await self._apply(db, event, form, now)
        if state == "open":
            await mark_handled(db, event.source, event.event_id, now)
        return state

    async def _apply(self, db: Connection, event: Stored, form: Form, now: datetime) -> None:
        calls = self._leading.rooms.calls
        match event.event_type:
            case "status":
                await calls.progress(db, forms.progress(form, now))
            case "amd":
                await calls.progress(db, forms.machine(form, now))
            case "recording":
                recording = forms.recording(form)
                if recording is not None:
                    await calls.carrier_recording(db, recording)
                elif form["RecordingStatus"] == "absent":
                    await calls.progress(db, forms.no_recording(form, now))
            case _:
                pass  # a request for instructions: nobody waits for them any more

    async def keep_open(self, kind: Kind, form: Form, now: datetime) -> None:
        """Its effect broke: for later."""
        await self._leading.transact(lambda db: keep(db, forms.stored(kind, form), now, handled=False))

    async def finish(self, event: Stored, now: datetime) -> None:
        """One that was left open."""
        form = forms.restored(event.payload)

        async def work(db: Connection) -> None:
            await self._apply(db, event, form, now)
            await mark_handled(db, event.source, event.event_id, now)

        await self._leading.transact(work)
