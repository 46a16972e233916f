"""Callers' messages: their list, and their delivery by e-mail once the call is over."""

from datetime import datetime, timedelta
from uuid import UUID

import msgspec
import structlog

from control.accounts.email_delivery import EmailQueue
from control.db.jobs import enqueue
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.messages import read_messages, store
from control.messages.emails import message_email
from control.messages.model import CallerMessage, MessageCall, MessagePolicy
from control.messages.tool import SEND_MESSAGE, SendMessageJob

log = structlog.get_logger()


class CallerMessages:
    """Works within the current transaction."""

    def __init__(self, policy: MessagePolicy, email_queue: EmailQueue) -> None:
        self._policy, self._email_queue = policy, email_queue

    async def list_page(
        self, db: Connection, workspace_id: UUID, *, call_id: UUID | None, page: PageRequest
    ) -> ListPage[CallerMessage]:
        """A page, newest first. call_id: only of this call. Raises Invalid (code cursor_unknown)."""
        found = await read_messages.select_messages(db, workspace_id, call_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await store.count_messages(db, workspace_id, call_id))

    async def send(self, db: Connection, message_id: UUID, now: datetime) -> None:
        """Enqueues a message's e-mails, once, or another look at its call. In platform scope. Nothing for a message
        that was sent or is deleted."""
        call = await read_messages.lock_unsent(db, message_id)
        if call is None:
            return
        if not is_due(call, self._policy, now):
            job = msgspec.json.encode(SendMessageJob(message_id))
            await enqueue(db, SEND_MESSAGE, job, delay_s=next_look_s(call, self._policy, now))
        elif await self._enqueue_emails(db, call, now):
            await store.set_emailed(db, message_id, now)

    async def _enqueue_emails(self, db: Connection, call: MessageCall, now: datetime) -> int:
        """Returns how many e-mails; none for members who have had the day's e-mails already."""
        page = self._email_queue.page(f"/workspaces/{call.workspace_id}/calls/{call.message.call_id}")
        recording = f"{page}/recording" if call.has_recording else ""
        recipients = await read_messages.select_recipients(db, call.workspace_id, call.message.agent_id)
        most, ids = self._policy.daily_emails, [one.user_id for one in recipients]
        counts = await store.count_emails(db, call.workspace_id, ids, now.date(), most)
        for one in recipients:
            if one.user_id in counts:
                is_last = counts[one.user_id] == most
                await self._email_queue.enqueue(db, message_email(one.email, call, page, recording, is_last=is_last))
        if len(counts) < max(1, len(recipients)):
            left_out = {"recipients": len(recipients), "sent": len(counts)}
            log.warning("message.not_sent_to_all", call_id=str(call.message.call_id), **left_out)
        return len(counts)


def next_look_s(call: MessageCall, policy: MessagePolicy, now: datetime) -> float:
    """Seconds until the next look: while the call goes on, a tenth of the time since the message was taken, because a
    call of an hour would cost 720 looks of 5 s."""
    if call.is_over:
        return policy.poll_s
    return min(max(policy.poll_s, (now - call.message.taken_at).total_seconds() / 10), policy.slow_poll_s)


def is_due(call: MessageCall, policy: MessagePolicy, now: datetime) -> bool:
    """Whether a message is sent now: its call is over and its recording stored, or the wait has been long enough."""
    if not call.is_over:
        return now - call.message.taken_at >= timedelta(seconds=policy.call_s)
    if call.has_recording or not call.is_recorded:
        return True
    return now - (call.ended_at or call.message.taken_at) >= timedelta(seconds=policy.recording_s)
