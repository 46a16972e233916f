"""Deletion of all that a workspace holds of one caller (GDPR, article 17)."""

from datetime import datetime
from typing import Final
from uuid import UUID

import msgspec

from control.audit.service import Actor, Change, record_change
from control.calls.deletion.rules import NumberPseudonyms
from control.db.jobs import enqueue
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.privacy.caller_deletions import queries
from control.privacy.caller_deletions.queries import is_own_number
from control.privacy.rules import CallerDeletion
from shared.errors import Conflict, Invalid
from shared.ids import new_id
from shared.secrets import Sealer

DELETE_CALLER: Final = "privacy.delete_caller"
# Of sealing the number until the deletion is done.
PURPOSE: Final = "caller deletion"
# Deletions of a workspace that run at once: each reads all stored webhooks.
MOST_RUNNING: Final = 20


class DeleteCallerJob(msgspec.Struct, frozen=True):
    """Payload of the job."""

    deletion_id: UUID


class CallerDeletions:
    """Works within the current transaction, in the workspace's scope."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer, self.pseudonyms = sealer, NumberPseudonyms(sealer)

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[CallerDeletion]:
        """Newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_all(db, workspace_id))

    async def request(
        self, db: Connection, actor: Actor, workspace_id: UUID, number: str, now: datetime
    ) -> CallerDeletion:
        """Has a job delete what there is of the number (E.164) until now. Raises Invalid (code number_is_own), Conflict
        (code deletion_limit)."""
        if await is_own_number(db, workspace_id, number):
            raise Invalid("This is a number of the workspace itself.", param="phone_number", code="number_is_own")
        await queries.lock_list(db, workspace_id)
        if await queries.count_all(db, workspace_id, is_open=True) >= MOST_RUNNING:
            raise Conflict(
                f"{MOST_RUNNING} deletions of this workspace are running: wait until one is done.",
                code="deletion_limit",
            )
        deletion = CallerDeletion(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            caller=self.pseudonyms.make(workspace_id, number),
            status="running",
            requested_by=actor.id,
            requested_at=now,
            finished_at=None,
            counts={},
        )
        await queries.insert(db, deletion, self._sealer.seal(number.encode(), PURPOSE))
        await enqueue_deletion(db, deletion.id)
        await record_change(db, actor, make_change("caller.delete", deletion))
        return deletion

    def open_number(self, sealed: bytes) -> str:
        """Return the number of a deletion that is not done. Raises UnsealError."""
        return self._sealer.open(sealed, PURPOSE).decode()


async def enqueue_deletion(db: Connection, deletion_id: UUID, *, delay_s: float = 0) -> None:
    """Has the job run, or run again."""
    await enqueue(db, DELETE_CALLER, msgspec.json.encode(DeleteCallerJob(deletion_id)), delay_s=delay_s)


def make_change(action: str, deletion: CallerDeletion) -> Change:
    """For the audit log, which never has the number itself."""
    after = {"caller": deletion.caller, **deletion.counts}
    return Change(action, "caller_deletion", str(deletion.id), deletion.workspace_id, after=after)
