"""The audit log: actor, action, resource, and values before and after. Entries are part of the change's transaction."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Literal
from uuid import UUID

from control.audit import queries
from control.audit.queries import READ_ACTION
from control.audit.rules import AuditEntry, AuditFilter
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from shared.errors import Invalid
from shared.ids import new_id

MASK: Final = "***"
AUDIT_LOG_DEPTH: Final = 10_000
# The value of a field whose name contains one of these words is masked, at any depth.
SECRET_FIELD_WORDS: Final = ("password", "secret", "token", "api_key", "credential", "hash")


@dataclass(frozen=True, slots=True)
class Actor:
    """The author of a change.

    Attributes:
        request_id: Id of the HTTP request; empty if no request made the change.
        address: Address of the client; empty if no request made the change.
        key_id: Id of the API key with which a system acts for the user. The log contains it instead of the user's id.
    """

    kind: Literal["admin", "user", "system"]
    id: UUID | None = None
    email: str | None = None
    request_id: str = ""
    address: str = ""
    key_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """A change to a resource.

    Attributes:
        action: For example "workspace.suspend".
        before: The changed fields before the change.
        after: The changed fields after the change.
    """

    action: str
    resource_type: str
    resource_id: str
    workspace_id: UUID | None = None
    before: Mapping[str, Any] | None = None
    after: Mapping[str, Any] | None = None
    reason: str | None = None


async def record_change(db: Connection, actor: Actor, change: Change) -> None:
    """Append a change to the log, within the transaction that makes the change."""
    values = {"before": change.before, "after": change.after, "reason": change.reason}
    await queries.insert_entry(
        db,
        entry_id=UUID(new_id()),
        actor=actor.kind if actor.key_id is None else "api_key",
        actor_id=actor.key_id or actor.id,
        actor_email=actor.email,
        action=change.action,
        resource_type=change.resource_type,
        resource_id=change.resource_id,
        workspace_id=change.workspace_id,
        details={name: mask_secrets(value) for name, value in values.items() if value is not None},
        request_id=actor.request_id or None,
        address=actor.address or None,
    )


def mask_number(number: str) -> str:
    """Mask all but the first four and the last two characters of a phone number.

    The log is immutable, so a caller's number in it could not be deleted.
    """
    return number if len(number) < 8 or not number.startswith("+") else f"{number[:4]}{MASK}{number[-2:]}"


def mask_secrets(value: Any, name: str = "") -> Any:
    """Return a copy in which MASK replaces each value whose name indicates a secret."""
    if value is not None and any(word in name.lower() for word in SECRET_FIELD_WORDS):
        return MASK
    if isinstance(value, Mapping):
        return {key: mask_secrets(item, str(key)) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [mask_secrets(item, name) for item in value]
    return value


# call: transcription, summary and turns. events: the call's events, which contain the same words. search: which calls
# have certain words in their transcripts. The searched words are not stored, because they may be personal data and the
# log is kept forever.
ReadContent = Literal["call", "events", "search"]
MOST_COUNTED: Final = 10_000


@dataclass(frozen=True, slots=True)
class ContentRead:
    """A read of call contents by staff. The audit log records it with its reason, so that the owner can see it.

    Attributes:
        reader: E-mail address of the staff member; None if the entry has none.
        call_id: None for a search.
    """

    id: UUID
    at: datetime
    reader: str | None
    call_id: UUID | None
    content: ReadContent
    reason: str


async def record_read(
    db: Connection, actor: Actor, workspace_id: UUID, call_id: UUID, content: ReadContent, reason: str
) -> None:
    """Append a read of call contents to the audit log, within the transaction that reads."""
    after = {"content": content}
    await record_change(db, actor, Change(READ_ACTION, "call", str(call_id), workspace_id, after=after, reason=reason))


async def record_search(db: Connection, actor: Actor, workspace_id: UUID, calls: int, reason: str) -> None:
    """Append a search in a workspace's transcripts to the audit log.

    Args:
        calls: Number of calls that the search returned.
    """
    after = {"content": "search", "calls": calls}
    change = Change(READ_ACTION, "workspace", str(workspace_id), workspace_id, after=after, reason=reason)
    await record_change(db, actor, change)


async def list_reads(db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[ContentRead]:
    """Return a page of reads, newest first.

    The total is counted up to MOST_COUNTED. Raises Invalid (code cursor_unknown).
    """
    found = await queries.select_reads(db, workspace_id, page)
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
    return listed.with_total(await queries.count_reads(db, workspace_id, MOST_COUNTED))


async def list_entries(db: Connection, wanted: AuditFilter, page: PageRequest) -> ListPage[AuditEntry]:
    """Return a page of entries, newest first. The total is counted up to AUDIT_LOG_DEPTH.

    Counted pages have a maximum depth because the log only grows; older entries are reached by cursor or by time.
    Raises Invalid (codes too_deep, cursor_unknown).
    """
    if page.offset + page.limit > AUDIT_LOG_DEPTH:
        raise Invalid(
            f"Pages are limited to the first {AUDIT_LOG_DEPTH} entries: narrow the list by from and to.",
            param="page",
            code="too_deep",
        )
    found = await queries.select_entries(db, wanted, page)
    if page.cursor is not None:
        return found
    return found.with_total(await queries.count_entries(db, wanted, AUDIT_LOG_DEPTH))
