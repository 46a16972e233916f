"""Deletion of all data that a workspace holds about a caller (GDPR, article 17)."""

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
# Purpose for which the phone number is sealed until the deletion finishes.
PURPOSE: Final = "caller deletion"
# Maximum concurrent deletions of a workspace. Each deletion reads all stored webhooks.
MOST_RUNNING: Final = 20


class DeleteCallerJob(msgspec.Struct, frozen=True):
    """Payload of the job that deletes a caller's data."""

    deletion_id: UUID


class CallerDeletions:
    """Lists and requests deletions, within the current transaction and in the workspace's scope."""

    def __init__(self, sealer: Sealer) -> None:
        self._sealer, self.pseudonyms = sealer, NumberPseudonyms(sealer)

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[CallerDeletion]:
        """Return a page of the workspace's deletions, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_page(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_all(db, workspace_id))

    async def request(
        self, db: Connection, actor: Actor, workspace_id: UUID, number: str, now: datetime
    ) -> CallerDeletion:
        """Enqueue the deletion of all data that the workspace holds now about a number (E.164).

        Raises Invalid (code number_is_own) and Conflict (code deletion_limit).
        """
        if await is_own_number(db, workspace_id, number):
            raise Invalid("This number belongs to the workspace.", param="phone_number", code="number_is_own")
        await queries.lock_list(db, workspace_id)
        if await queries.count_all(db, workspace_id, is_open=True) >= MOST_RUNNING:
            raise Conflict(
                f"{MOST_RUNNING} deletions of this workspace are running. Wait until one finishes.",
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
        """Unseal the number of a running deletion. Raises UnsealError."""
        return self._sealer.open(sealed, PURPOSE).decode()


async def enqueue_deletion(db: Connection, deletion_id: UUID, *, delay_s: float = 0) -> None:
    """Enqueue the job that runs or continues a deletion."""
    await enqueue(db, DELETE_CALLER, msgspec.json.encode(DeleteCallerJob(deletion_id)), delay_s=delay_s)


def make_change(action: str, deletion: CallerDeletion) -> Change:
    """Return the audit log entry for a deletion. It never contains the phone number."""
    after = {"caller": deletion.caller, **deletion.counts}
    return Change(action, "caller_deletion", str(deletion.id), deletion.workspace_id, after=after)
