"""Twilio's calls: each request for instructions is answered with TwiML, whatever happens on our side."""

import asyncio
from collections.abc import Awaitable, Collection
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.calls.handover import Stream
from control.calls.model import FINAL, Admitted, Open, Refused
from control.calls.policy import TRANSFER_S
from control.db.pool import Connection
from control.webhooks import twilio_form as forms
from control.webhooks import twiml
from control.webhooks.background import Background
from control.webhooks.leading import Leading, is_away, shown_number
from control.webhooks.options import WebhookOptions
from control.webhooks.ports import Recorder
from control.webhooks.store import keep
from control.webhooks.twilio_form import Form
from control.webhooks.words import locale, not_reached
from shared.bus.checkpoints import Over
from shared.bus.client import BusAway
from shared.logs import told

CONTINUE: Final = "/webhooks/calls/continue"
_REACHED: Final = frozenset({"completed", "answered"})
log = structlog.get_logger()


class TwilioCalls:
    """Each method is given a verified form."""

    def __init__(self, leading: Leading, options: WebhookOptions, background: Background) -> None:
        self._leading, self._options, self._background = leading, options, background
        self._rooms = leading.rooms

    async def arrived(self, form: Form, now: datetime) -> str:
        """A call wants instructions for the first time: one to a number of ours, or one of ours that was picked up."""
        return await self._answer("outbound" if form.is_outbound else "inbound", self._arrived(form, now))

    async def went_on(self, form: Form, now: datetime) -> str:
        """The media stream is over, or the number that the caller was put through to: what comes next?"""
        return await self._answer("continue", self._went_on(form, now))

    async def _answer(self, kind: str, work: Awaitable[str]) -> str:
        try:
            async with asyncio.timeout(self._options.deadline_s):
                return await work
        except Exception as error:  # on the other side is a caller, who is told so in words and not by a dead line
            log.error("webhook.apologised", carrier="twilio", kind=kind, **told(error))
            self._leading.metrics.apologies.labels("twilio").inc()
            return twiml.say_and_hang_up(self._options.apology, "en-US")

    async def _arrived(self, form: Form, now: datetime) -> str:
        outcome, is_new = await self._leading.transact(lambda db: self._admit(db, form, now))
        answer = await self._led(outcome, now)
        if is_new and not form.is_outbound and isinstance(outcome, Admitted) and outcome.records_at_carrier:
            self._background.start("record", self._record(outcome))
        return answer

    async def _admit(self, db: Connection, form: Form, now: datetime) -> tuple[Admitted | Refused, bool]:
        """Also for a request that came before: the same call again, and a new ticket if it is not over."""
        kind: forms.Kind = "answered" if form.is_outbound else "inbound"
        is_new = await keep(db, forms.stored(kind, form), now, handled=True) == "new"
        if form.is_outbound:
            return await self._rooms.calls.answered(db, "twilio", form.sid, form.call_id, now), is_new
        return await self._rooms.calls.arrive(db, forms.ring(form), now), is_new

    async def _led(self, outcome: Admitted | Refused, now: datetime, exclude: Collection[str] = ()) -> str:
        if isinstance(outcome, Refused):
            return _refusal(outcome)
        stream = await self._leading.stream(outcome, exclude)
        if isinstance(stream, Refused):
            return self._let_go(stream, now)
        self._background.start("connected", self._note_connected(outcome, stream))
        action = self._action(outcome.call_id, outcome.leg, outcome.plan.agent.language)
        return twiml.connect(f"{stream.url}/media/twilio", stream.token, action)

    async def _note_connected(self, admitted: Admitted, stream: Stream) -> None:
        """After the answer: when this is lost, the next leg merely does not know which node it is not to be led to."""
        await self._leading.transact(lambda db: self._rooms.calls.connected(db, admitted, stream.node_id))

    async def _record(self, admitted: Admitted) -> None:
        """A call that came in can be recorded by Twilio only once our answer has put it in progress."""
        await asyncio.sleep(self._options.record_after_s)
        twilio = self._rooms.carriers.get("twilio")
        if isinstance(twilio, Recorder):
            await twilio.record(admitted.carrier_call_id, str(admitted.call_id))

    def _action(self, call_id: UUID, leg: int, language: str) -> str:
        """The language comes along, so that words need no look-up when something is away."""
        return f"{self._options.url}{CONTINUE}?call={call_id}&leg={leg}&language={locale(language)}"

    async def _went_on(self, form: Form, now: datetime) -> str:
        if form["DialCallStatus"]:
            return self._dialled(form, now)
        try:
            async with asyncio.timeout(self._options.look_s):
                open_call = await self._leading.transact(lambda db: self._look(db, form, now))
        except Exception as error:
            if not is_away(error):
                raise
            return await self._by_word(form, error)
        if form.is_over:
            return twiml.hang_up()
        try:
            over = await self._over(open_call, form)
        except BusAway:
            refused = await self._leading.cut_off(open_call, form.language)
            return twiml.hang_up() if refused is None else self._let_go(refused, now)
        if over is not None:
            return self._finished(open_call, form, over)
        if open_call is None or open_call.status in FINAL:
            return twiml.hang_up()
        outcome, lost = await self._leading.resume(open_call, now, form.language)
        if isinstance(outcome, Refused):
            return self._let_go(outcome, now)
        return await self._led(outcome, now, lost)

    async def _look(self, db: Connection, form: Form, now: datetime) -> Open | None:
        await keep(db, forms.stored("continue", form), now, handled=True)
        if form.is_over:
            await self._rooms.calls.progress(db, forms.progress(form, now))
        return await self._rooms.calls.go_on(db, "twilio", form.sid, now)

    async def _over(self, open_call: Open | None, form: Form) -> Over | None:
        """Of a call that is written down as over already, the word is there, or never comes. Raises BusAway."""
        decide = self._rooms.handover.decide
        if open_call is not None:
            wait_s = 0 if open_call.status in FINAL else self._options.over_wait_s
            return await decide(open_call.call_id, open_call.media_node, wait_s, leg=open_call.leg)
        return None if form.call_id is None else await decide(form.call_id, None, 0, leg=form.leg)

    async def _by_word(self, form: Form, away: Exception) -> str:
        """Without the database. The address that we gave Twilio names the call, and of one whose conversation came to
        its end media's word lies on the bus. Raises `away` where there is none: whether such a call goes on, only the
        database can tell."""
        if form.is_over:
            return twiml.hang_up()
        over = None
        if form.call_id is not None:
            wait_s = self._options.over_wait_s
            over = await self._rooms.handover.decide(form.call_id, None, wait_s, leg=form.leg)
        if over is None:
            raise away
        log.warning("webhook.by_word", carrier="twilio", call_id=str(form.call_id), leg=form.leg)
        return self._finished(None, form, over)

    def _finished(self, open_call: Open | None, form: Form, over: Over) -> str:
        if not over.number:
            return twiml.hang_up()
        outbound = form["Direction"].startswith("outbound")
        # Without the row, Twilio shows what it would by itself: the caller of the call.
        shown = "" if open_call is None else shown_number(open_call, caller_may_show=True)
        if not shown and outbound:
            shown = form["From"]
        action = f"{self._options.url}{CONTINUE}?call={form.call_id or ''}&leg={form.leg}&language={form.language}"
        return twiml.dial(over.number, shown, action, TRANSFER_S)

    def _let_go(self, refused: Refused, now: datetime) -> str:
        """Words. Written down afterwards: who waits is the caller."""
        self._background.start("refuse", self._leading.note_refused(refused, now))
        return _refusal(refused)

    def _dialled(self, form: Form, now: datetime) -> str:
        """Whoever was called has hung up, or never answered. Nothing here needs the database: it is kept afterwards."""
        self._background.start("dialled", self._kept(form, now))
        if form.is_over or form["DialCallStatus"] in _REACHED:
            return twiml.hang_up()
        return twiml.say_and_hang_up(not_reached(form.language), locale(form.language))

    async def _kept(self, form: Form, now: datetime) -> None:
        await self._leading.transact(lambda db: keep(db, forms.stored("continue", form), now, handled=True))


def _refusal(refused: Refused) -> str:
    return twiml.say_and_hang_up(refused.words, locale(refused.language))
