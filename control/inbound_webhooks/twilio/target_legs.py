"""The leg of a warm transfer's target at Twilio: the target is asked, and joins the conference by a key or a word."""

import asyncio
from datetime import datetime
from typing import Final
from urllib.parse import quote
from uuid import UUID

import structlog
from aiohttp import web

from control.calls.announcements import target_brief_text, target_question_text
from control.calls.records.state import TRANSFER_S
from control.calls.transfers import service as transfers_service
from control.calls.transfers.spoken_decision import Decision, hints_for, read_decision
from control.carriers.rules import locale
from control.db.pool import Connection
from control.inbound_webhooks.queries import store_once
from control.inbound_webhooks.service import WebhookParts
from control.inbound_webhooks.source import TARGET
from control.inbound_webhooks.twilio import wire
from control.inbound_webhooks.twilio.wire import TwilioForm
from shared.events import TransferFailure
from shared.logs import error_fields

# The target's time to answer after the question, in seconds.
DECIDE_S: Final = 10
_BY_KEY: Final[dict[str, Decision]] = {"1": "accepted", "2": "declined"}
# The step of the answer to a repeated question. The question is repeated only once.
_ASKED_AGAIN: Final = "decided_again"
_FAILURES: Final[dict[str, TransferFailure]] = {"busy": "busy", "no-answer": "no_answer", "failed": "failed"}
log = structlog.get_logger()


class TwilioTargetLegs:
    """Handles the target's leg. After an error on our side, the target is hung up and the caller stays with the
    agent."""

    def __init__(self, parts: WebhookParts) -> None:
        self._url, self._inbox, self._transact = parts.options.url, parts.inbox, parts.transactions.run
        self._deadline_s = parts.options.deadline_s

    async def receive(self, form: TwilioForm, now: datetime) -> web.Response:
        """Return the instructions for the step in the address. The report of the leg's end is answered with 204."""
        if form.step == "ended":
            await self._transact(lambda db: self._end(db, form, now))
            self._inbox.count("twilio", "target", "answered")
            return web.Response(status=204)
        try:
            async with asyncio.timeout(self._deadline_s):
                text = await (self._ask(form) if form.step == "answered" else self._decide(form))
        except Exception as error:  # the caller waits only as long as the tool runs  # noqa: BLE001
            log.error("transfer.target_hung_up", carrier="twilio", **error_fields(error))
            text = wire.hang_up()
        self._inbox.count("twilio", "target", "answered")
        return web.Response(text=text, content_type="text/xml", charset="utf-8")

    async def _ask(self, form: TwilioForm) -> str:
        transfer_id = form.transfer_id
        if transfer_id is None:
            return wire.hang_up()
        asked = await self._transact(lambda db: transfers_service.answer(db, transfer_id, form.call_sid))
        if asked is None:
            return wire.hang_up()
        first = target_brief_text(asked.language, asked.brief)
        return self._question(transfer_id, asked.language, "decided", first=first)

    def _question(self, transfer_id: UUID, language: str, step: str, *, first: str = "") -> str:
        action = f"{self._url}{TARGET}?transfer={transfer_id}&step={step}&language={quote(language)}"
        question, hints = target_question_text(language), hints_for(language)
        return wire.ask(question, locale(language), action, DECIDE_S, first=first, hints=hints)

    async def _decide(self, form: TwilioForm) -> str:
        transfer_id = form.transfer_id
        if transfer_id is None:
            return wire.hang_up()
        decision = _BY_KEY.get(form.keys) if form.keys else read_decision(form.words, form.language)
        if decision is None and form.words and form.step != _ASKED_AGAIN:
            return self._question(transfer_id, form.language, _ASKED_AGAIN)
        if decision != "accepted":
            failure: TransferFailure = "refused" if decision == "declined" else "no_answer"
            await self._transact(lambda db: transfers_service.fail(db, transfer_id, failure))
            return wire.hang_up()
        accepted = await self._transact(lambda db: transfers_service.accept(db, transfer_id, str(transfer_id)))
        return wire.hang_up() if accepted is None else wire.join_conference(str(transfer_id), TRANSFER_S)

    async def _end(self, db: Connection, form: TwilioForm, now: datetime) -> None:
        state = await store_once(db, wire.to_stored_event("target", form), now, handled=True)
        if state == "new" and form.transfer_id is not None:
            failure = _FAILURES.get(form["CallStatus"], "refused")
            await transfers_service.end_leg(db, form.transfer_id, failure)
