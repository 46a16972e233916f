"""Reads of calls' content by the platform's staff: each is in the audit log with its reason, for the owner to see."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal
from uuid import UUID

from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.platform import store_content_reads
from control.platform.audit import Actor, Change, record_change
from control.platform.store_content_reads import READ_ACTION

# call: transcription, summary and turns. events: the call's events, which hold the same words. search: which calls
# have certain words in their transcripts. The words are not stored: they may be personal, and the log is for ever.
ReadContent = Literal["call", "events", "search"]
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class ContentRead:
    """One read. reader: the address of the member of the staff; None where the entry has none. call_id: None for a
    search."""

    id: UUID
    at: datetime
    reader: str | None
    call_id: UUID | None
    content: ReadContent
    reason: str


async def record_read(
    db: Connection, actor: Actor, workspace_id: UUID, call_id: UUID, content: ReadContent, reason: str
) -> None:
    """Appends a read to the audit log, in the transaction that reads."""
    after = {"content": content}
    await record_change(db, actor, Change(READ_ACTION, "call", str(call_id), workspace_id, after=after, reason=reason))


async def record_search(db: Connection, actor: Actor, workspace_id: UUID, calls: int, reason: str) -> None:
    """Appends a search in a workspace's transcripts to the audit log. calls: how many of them it answered."""
    after = {"content": "search", "calls": calls}
    change = Change(READ_ACTION, "workspace", str(workspace_id), workspace_id, after=after, reason=reason)
    await record_change(db, actor, change)


async def list_reads(db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[ContentRead]:
    """Newest first; the total is counted up to MOST_COUNTED. Raises Invalid (code cursor_unknown)."""
    found = await store_content_reads.select_reads(db, workspace_id, page)
    rows = [
        ContentRead(
            id=row["id"],
            at=row["at"],
            reader=row["actor_email"],
            call_id=UUID(row["resource_id"]) if row["resource_type"] == "call" else None,
            content=row["details"]["after"]["content"],
            reason=row["details"]["reason"],
        )
        for row in found.rows
    ]
    listed = ListPage(rows, found.has_more)
    if page.cursor is not None:
        return listed
    return listed.with_total(await store_content_reads.count_reads(db, workspace_id, MOST_COUNTED))
