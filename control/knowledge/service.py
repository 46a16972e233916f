"""Manages the documents that agents search: upload, list, index requests, deletion. `tasks.py` indexes the files."""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import msgspec

from control.audit.service import Actor, Change, record_change
from control.db.jobs import enqueue, select_highest_priority
from control.db.keyset import ListPage, PageRequest
from control.db.pool import Connection
from control.knowledge import queries
from control.knowledge.rules import KnowledgeDocument, KnowledgeLimits, NewDocument, document_key
from control.knowledge.sections import find_format
from control.platform.service import Platform
from control.workspaces.service import Workspaces
from shared.errors import Conflict, Invalid, NotFound
from shared.ids import new_id
from shared.storage import Storage

INDEX_DOCUMENT: Final = "knowledge.index_document"
# Above the priority of all other jobs, because only two index jobs run at once.
_FIRST_PRIORITY: Final = 1_000_000_000
DELETE_FILE: Final = "knowledge.delete_file"
# While an index request waits, further requests have no effect for this long. Otherwise a member could fill the queue,
# of which only two jobs run at once for all workspaces.
_REQUEST_AGAIN_AFTER: Final = timedelta(minutes=10)
# Seconds after which a document is indexed if the request dies between its two transactions.
_LATER_S: Final = 30.0
# Seconds after the row's insertion by which its file must be stored, because the request has ended by then.
UPLOAD_TIME_S: Final = 120.0


class IndexDocumentJob(msgspec.Struct, frozen=True):
    """Payload of the job that indexes a document."""

    document_id: UUID
    revision: int


class DeleteFileJob(msgspec.Struct, frozen=True):
    """Payload of the job that deletes a document's file."""

    workspace_id: UUID
    document_id: UUID


class KnowledgeDocuments:
    """Manages a workspace's documents. Each method runs in the current transaction, in the workspace's scope."""

    def __init__(self, workspaces: Workspaces, platform: Platform) -> None:
        self._workspaces, self._platform = workspaces, platform

    async def list_page(self, db: Connection, workspace_id: UUID, *, page: PageRequest) -> ListPage[KnowledgeDocument]:
        """Return a page of documents, newest first. Raises Invalid (code cursor_unknown)."""
        found = await queries.select_documents(db, workspace_id, page)
        if page.cursor is not None:
            return found
        return found.with_total(await queries.count_documents(db, workspace_id))

    async def get(self, db: Connection, workspace_id: UUID, document_id: UUID) -> KnowledgeDocument:
        """Return a document. Raises NotFound (code document_not_found)."""
        return _require(await queries.select_document(db, workspace_id, document_id))

    async def limits(self, db: Connection, workspace_id: UUID) -> KnowledgeLimits:
        """Return the workspace's limits, from the settings and from the features of its tier with the same names."""
        tier = await self._workspaces.limits(db, workspace_id)
        names = {
            "documents": "knowledge_documents",
            "chunks": "knowledge_chunks",
            "bytes": "knowledge_document_bytes",
            "pages": "knowledge_document_pages",
            "characters": "knowledge_document_characters",
        }
        values = {field: await self._platform.setting(db, name) for field, name in names.items()}
        own = {field: tier.features.get(name) for field, name in names.items()}
        return KnowledgeLimits(**values | {field: value for field, value in own.items() if isinstance(value, int)})

    async def add(
        self, db: Connection, actor: Actor, workspace_id: UUID, new: NewDocument, now: datetime
    ) -> KnowledgeDocument:
        """Insert a document without its file.

        Call `put_file` and `enqueue_indexing` next. Raises Invalid (codes file_unknown, file_too_large), Conflict
        (codes document_limit, workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        limits = await self.limits(db, workspace_id)
        if len(new.data) > limits.bytes:
            raise Invalid(f"file: must have at most {limits.bytes:,} bytes.", code="file_too_large", param="file")
        kind = find_format(new.data)
        await queries.lock_documents(db, workspace_id)
        if await queries.count_documents(db, workspace_id) >= limits.documents:
            raise Conflict(f"This workspace has {limits.documents} documents at most.", code="document_limit")
        document = KnowledgeDocument(
            id=UUID(new_id()),
            workspace_id=workspace_id,
            name=new.name,
            format=new.format or kind,
            language=new.language,
            size_bytes=len(new.data),
            status="pending",
            failure=None,
            pages=None,
            chunk_count=0,
            revision=1,
            created_by=actor.id,
            created_at=now,
            requested_at=now,
            indexed_at=None,
            start_tag=await find_next_turn(db, workspace_id),
        )
        await queries.insert_document(db, document)
        await self.enqueue_indexing(db, document, delay_s=_LATER_S)
        await record_change(db, actor, _change("knowledge.add_document", document))
        return document

    async def enqueue_indexing(self, db: Connection, document: KnowledgeDocument, *, delay_s: float = 0) -> None:
        """Enqueue the job that indexes the document. A second job for the same revision has no effect."""
        payload, priority = encode_index_job(document), priority_of(document.start_tag)
        await enqueue(db, INDEX_DOCUMENT, payload, delay_s=delay_s, priority=priority)

    async def reindex(
        self, db: Connection, actor: Actor, workspace_id: UUID, document_id: UUID, now: datetime
    ) -> KnowledgeDocument:
        """Index the file again. The old text stays searchable until then.

        Has no effect if a request of the last ten minutes still waits. Raises NotFound (code document_not_found),
        Conflict (code workspace_suspended).
        """
        await self._workspaces.require_not_suspended(db, workspace_id)
        before = await self.get(db, workspace_id, document_id)
        if before.status == "pending" and now - before.requested_at < _REQUEST_AGAIN_AFTER:
            return before
        turn = await find_next_turn(db, workspace_id)
        document = _require(await queries.restart_document(db, workspace_id, document_id, now, turn))
        await self.enqueue_indexing(db, document)
        await record_change(db, actor, _change("knowledge.reindex_document", document))
        return document

    async def delete(self, db: Connection, actor: Actor, workspace_id: UUID, document_id: UUID) -> None:
        """Delete a document. No search finds it after this transaction commits.

        A job deletes the file later, when no request can still be storing it. Raises NotFound (code
        document_not_found).
        """
        await queries.lock_workspace(db, workspace_id)
        document = _require(await queries.select_document(db, workspace_id, document_id))
        await queries.delete_chunks(db, workspace_id, document_id)
        await queries.delete_document(db, document_id)
        job = msgspec.json.encode(DeleteFileJob(workspace_id, document_id))
        await enqueue(db, DELETE_FILE, job, delay_s=UPLOAD_TIME_S)
        await record_change(db, actor, _change("knowledge.delete_document", document))

    async def find_unknown(self, db: Connection, workspace_id: UUID, document_ids: Collection[UUID]) -> set[UUID]:
        """Return the ids that are not documents of the workspace."""
        if not document_ids:
            return set()
        return set(document_ids) - await queries.select_known(db, workspace_id, document_ids)


async def find_next_turn(db: Connection, workspace_id: UUID) -> int:
    """Return the turn of the workspace's next document. Workspaces take turns, regardless of how many documents each
    has.

    A turn is the start tag of start-time fair queueing (Goyal, Vin, Cheng 1996, ACM SIGCOMM), stored in the column
    start_tag. It is one more than the turn of the workspace's last waiting document, and at least the turn that is
    being served. A workspace's only document thus waits for at most one document of each other workspace, and no
    workspace accumulates service while the queue is empty.
    """
    last = await queries.select_last_turn(db, workspace_id)
    highest = await select_highest_priority(db, INDEX_DOCUMENT)
    served = 0 if highest is None else _FIRST_PRIORITY - highest
    return served if last is None else max(served, last + 1)


def priority_of(turn: int) -> int:
    """Return the priority of the job that indexes the document with this turn."""
    return _FIRST_PRIORITY - turn


async def put_file(storage: Storage, document: KnowledgeDocument, data: bytes) -> None:
    """Store a document's file. Raises StorageUnavailable."""
    await storage.put(document_key(document.workspace_id, document.id), data)


def encode_index_job(document: KnowledgeDocument) -> bytes:
    """Return the payload of the job that indexes the document's current revision."""
    return msgspec.json.encode(IndexDocumentJob(document.id, document.revision))


def _require(document: KnowledgeDocument | None) -> KnowledgeDocument:
    if document is None:
        raise NotFound("There is no such document.", code="document_not_found")
    return document


def _change(action: str, document: KnowledgeDocument) -> Change:
    """Return the audit entry without the document's name, which may be personal data."""
    after = {"format": document.format, "size_bytes": document.size_bytes}
    return Change(action, "knowledge_document", str(document.id), document.workspace_id, after=after)
