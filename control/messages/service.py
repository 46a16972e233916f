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
            await enqueue(db, SEND_MESSAGE, job, delay_s=self._policy.poll_s)
            return
        if not call.email_to:
            log.warning("message.not_addressed", call_id=str(call.message.call_id))
        await self._enqueue_emails(db, call)
        await store.set_emailed(db, message_id, now)

    async def _enqueue_emails(self, db: Connection, call: MessageCall) -> None:
        page = self._email_queue.page(f"/workspaces/{call.workspace_id}/calls/{call.message.call_id}")
        recording = f"{page}/recording" if call.has_recording else ""
        for address in call.email_to:
            await self._email_queue.enqueue(db, message_email(address, call, page, recording))


def is_due(call: MessageCall, policy: MessagePolicy, now: datetime) -> bool:
    """Whether a message is sent now: its call is over and its recording stored, or the wait has been long enough."""
    if not call.is_over:
        return now - call.message.taken_at >= timedelta(seconds=policy.call_s)
    if call.has_recording or not call.is_recorded:
        return True
    return now - (call.ended_at or call.message.taken_at) >= timedelta(seconds=policy.recording_s)
