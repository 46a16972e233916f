"""Callers' messages: the list of messages, and delivery by e-mail when the call is over."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec
import structlog

from control.accounts.emails.service import EmailQueue
from control.db.jobs import enqueue
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.messages import queries
from control.messages.emails import message_email
from control.messages.rules import (
    MOST_PER_CALL,
    CallerMessage,
    MessageCall,
    MessagePolicy,
    NewMessage,
    is_due,
    next_look_s,
)
from control.outbound_webhooks.event_types import MessageEventData
from control.outbound_webhooks.service import ReportedFact, report_facts
from control.redaction.finder import redact_text
from control.workspaces.service import find_redaction
from shared.errors import Conflict

SEND_MESSAGE: Final = "messages.send"

log = structlog.get_logger()


class SendMessageJob(msgspec.Struct, frozen=True):
    """Payload of the job that sends a message."""

    message_id: UUID


class CallerMessages:
    """Lists and sends messages, within the current transaction."""

    def __init__(self, policy: MessagePolicy, email_queue: EmailQueue) -> None:
        self._policy, self._email_queue = policy, email_queue

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, call_id: UUID | None, page: PageRequest
    ) -> ListPage[CallerMessage]:
        """Return a page, newest first. Raises Invalid (code cursor_unknown).

        Args:
            call_id: Return only messages of this call; None for all calls.
        """
        found = await queries.select_messages(db, workspace_id, call_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_messages(db, workspace_id, call_id))

    async def send(self, db: Connection, message_id: UUID, now: datetime) -> None:
        """Enqueue a message's e-mails once, or another check of its call. Needs platform scope.

        Does nothing if the message was sent or deleted.
        """
        call = await queries.lock_unsent(db, message_id)
        if call is None:
            return
        if not is_due(call, self._policy, now):
            job = msgspec.json.encode(SendMessageJob(message_id))
            await enqueue(db, SEND_MESSAGE, job, delay_s=next_look_s(call, self._policy, now))
        elif await self._enqueue_emails(db, call, now):
            await queries.set_emailed(db, message_id, now)

    async def _enqueue_emails(self, db: Connection, call: MessageCall, now: datetime) -> int:
        """Enqueue the e-mails and return how many. Members who have reached the daily limit get no e-mail."""
        page = self._email_queue.page(f"/workspaces/{call.workspace_id}/calls/{call.message.call_id}")
        recording = f"{page}/recording" if call.has_recording else ""
        recipients = await queries.select_recipients(db, call.workspace_id, call.message.agent_id)
        most, ids = self._policy.daily_emails, [recipient.user_id for recipient in recipients]
        counts = await queries.count_emails(db, call.workspace_id, ids, now.date(), most)
        for recipient in recipients:
            if recipient.user_id in counts:
                is_last = counts[recipient.user_id] == most
                await self._email_queue.enqueue(
                    db, message_email(recipient.email, call, page, recording, is_last=is_last)
                )
        if len(counts) < max(1, len(recipients)):
            left_out = {"recipients": len(recipients), "sent": len(counts)}
            log.warning("message.not_sent_to_all", call_id=str(call.message.call_id), **left_out)
        return len(counts)


async def store_message(db: Connection, new: NewMessage) -> None:
    """Store a message and enqueue its delivery, in one transaction. Does nothing if this run already stored a message.

    Raises Conflict (message_limit) if a call has more than MOST_PER_CALL messages.
    """
    if await queries.count_of_call(db, new.workspace_id, new.call_id, but=new.run_id) >= MOST_PER_CALL:
        raise Conflict(f"A call can have at most {MOST_PER_CALL} messages.", code="message_limit")
    kept = await _redact(db, new)
    if await queries.insert_message(db, kept):
        await report_facts(db, [_make_fact(kept)])
        await enqueue(db, SEND_MESSAGE, msgspec.json.encode(SendMessageJob(new.id)))


def _make_fact(new: NewMessage) -> ReportedFact:
    data = MessageEventData(
        message_id=new.id,
        call_id=new.call_id,
        agent_id=new.agent_id,
        taken_at=new.taken_at,
        caller_name=new.caller_name,
        callback_number=new.callback_number,
        reason=new.reason,
        text=new.text,
        is_urgent=new.is_urgent,
    )
    return ReportedFact(new.workspace_id, "message.taken", new.id, new.taken_at, data, call_id=new.call_id)


async def _redact(db: Connection, new: NewMessage) -> NewMessage:
    """Return the message without content that its workspace does not keep. The e-mail uses the result."""
    kinds = (await find_redaction(db, [new.workspace_id])).get(new.workspace_id, ())
    texts = (new.caller_name, new.callback_number, new.reason, new.text)
    name, number, reason, text = (redact_text(part, kinds) for part in texts)
    return replace(new, caller_name=name, callback_number=number, reason=reason, text=text)


async def find_calls_of_number(
    db: Connection, workspace_id: UUID, number: str, until: datetime, most: int
) -> list[UUID]:
    """Return up to `most` calls with a message, taken before `until`, that requests a callback to this number
    (E.164).
    """
    return await queries.select_calls_of_number(db, workspace_id, number, until, most)


async def delete_messages(db: Connection, workspace_id: UUID, call_ids: Sequence[UUID]) -> int:
    """Delete the messages of these calls. Return how many were deleted. Needs platform scope."""
    return await queries.delete_messages(db, workspace_id, call_ids)
