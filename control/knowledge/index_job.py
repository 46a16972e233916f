"""The jobs that index a document and delete its file. Storage and the parser work between transactions."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

import msgspec
import structlog

from control.db.errors import COLLISIONS, UNAVAILABLE
from control.db.jobs import JobFailed, JobHandler, list_queued
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.knowledge import store, store_chunks
from control.knowledge.chunks import make_chunks
from control.knowledge.files import document_key, key_of
from control.knowledge.model import DocumentChunk, KnowledgeDocument, KnowledgeLimits
from control.knowledge.parser import DocumentParser, DocumentRefused, ParsedDocument
from control.knowledge.service import (
    UPLOAD_TIME_S,
    DeleteFileJob,
    IndexDocumentJob,
    KnowledgeDocuments,
    encode_index_job,
)
from control.knowledge.start_tags import INDEX_DOCUMENT
from shared.errors import Unavailable
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

# The ten attempts of a job take 43 minutes.
GIVE_UP: Final = timedelta(hours=2)
T = TypeVar("T")
log = structlog.get_logger()


class DocumentIndexer:
    """Indexes documents. Works in platform scope."""

    def __init__(self, pool: Pool, storage: Storage, documents: KnowledgeDocuments, parser: DocumentParser) -> None:
        self._pool, self._storage, self._documents, self._parser = pool, storage, documents, parser

    async def index(self, job: IndexDocumentJob, now: datetime) -> None:
        """Reads the document's file and puts its chunks in place of those before. Nothing for a document that is
        deleted, or was indexed under this revision. Raises JobFailed where another try may succeed."""
        document = await self._run(lambda db: store.select_any(db, job.document_id))
        if document is None or not _is_due(document, job.revision):
            return
        limits = await self._run(lambda db: self._documents.limits(db, document.workspace_id))
        try:
            parsed = await self._parse(document, limits, now)
            # In a thread: 2,000,000 characters take 0.1 to 0.5 s, in which the loop would do nothing else.
            chunks = await asyncio.to_thread(lambda: list(islice(make_chunks(parsed.sections), limits.chunks + 1)))
            if not chunks:
                raise DocumentRefused("no_text")
        except DocumentRefused as refused:
            code = refused.code
            await self._run(lambda db: _store_failure(db, document, code))
            log.info("document.refused", document_id=str(document.id), format=document.format, reason=code)
            return
        await self._run(lambda db: _store_chunks(db, document, parsed, chunks, limits, now))

    async def _parse(self, document: KnowledgeDocument, limits: KnowledgeLimits, now: datetime) -> ParsedDocument:
        try:
            data = await self._storage.get(key_of(document))
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None
        except ObjectNotFound:
            if now - document.created_at < timedelta(seconds=UPLOAD_TIME_S):
                raise JobFailed("the file is not stored yet") from None
            raise DocumentRefused("file_missing") from None
        try:
            return await self._parser.parse(data, document.format, limits)
        except OSError as fault:  # no process can be started
            raise JobFailed(f"parser: {type(fault).__name__}") from None

    async def _run(self, work: Callable[[Connection], Awaitable[T]]) -> T:
        async def scoped(db: Connection) -> T:
            await enter_platform(db)
            return await work(db)

        try:
            return await in_transaction(self._pool, scoped, _ignore)
        except (Unavailable, *UNAVAILABLE, *COLLISIONS):
            raise JobFailed("database unavailable") from None


async def fail_stuck(db: Connection, now: datetime, most: int) -> int:
    """Marks up to `most` documents as failed whose jobs gave up, because the worker died of them for instance; returns
    how many. One whose job still waits its turn, behind thousands of its workspace, is left. In platform scope."""
    queued = await list_queued(db, INDEX_DOCUMENT)
    old = await store.select_stuck(db, now - GIVE_UP, len(queued) + most)
    stuck = [one for one in old if encode_index_job(one) not in queued][:most]
    for document in stuck:
        await _store_failure(db, document, "gave_up")
    return len(stuck)


def _ignore() -> None:
    """A retry needs no preparation."""


def make_index_document_job(indexer: DocumentIndexer) -> JobHandler:
    """Job `knowledge.index_document`."""

    async def run(payload: bytes) -> None:
        await indexer.index(_decode(payload, IndexDocumentJob), datetime.now(UTC))

    return run


def make_delete_file_job(storage: Storage) -> JobHandler:
    """Job `knowledge.delete_file`."""

    async def run(payload: bytes) -> None:
        job = _decode(payload, DeleteFileJob)
        try:
            await storage.delete(document_key(job.workspace_id, job.document_id))
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None

    return run


async def _store_failure(db: Connection, document: KnowledgeDocument, code: str) -> None:
    """What was searched of it before is not any more: nobody knows whether it still holds."""
    await store.lock_workspace(db, document.workspace_id)
    if await _is_wanted(db, document):
        await store_chunks.delete_chunks(db, document.workspace_id, document.id)
        await store.finish(db, document.id, failure=code)


async def _store_chunks(
    db: Connection,
    document: KnowledgeDocument,
    parsed: ParsedDocument,
    chunks: list[DocumentChunk],
    limits: KnowledgeLimits,
    now: datetime,
) -> None:
    await store.lock_workspace(db, document.workspace_id)
    if not await _is_wanted(db, document):
        return
    if await store_chunks.count_chunks(db, document.workspace_id, but=document.id) + len(chunks) > limits.chunks:
        await _store_failure(db, document, "workspace_full")
        return
    await store_chunks.replace_chunks(db, document, chunks)
    await store.finish(db, document.id, pages=parsed.pages, chunk_count=len(chunks), indexed_at=now)


async def _is_wanted(db: Connection, document: KnowledgeDocument) -> bool:
    """Whether it was neither deleted nor indexed, nor is to be indexed anew, since it was read. Locks it."""
    current = await store.select_any(db, document.id, lock=True)
    return current is not None and _is_due(current, document.revision)


def _is_due(document: KnowledgeDocument, revision: int) -> bool:
    return document.status == "pending" and document.revision == revision


J = TypeVar("J")


def _decode(payload: bytes, kind: type[J]) -> J:
    try:
        return msgspec.json.decode(payload, type=kind)
    except msgspec.DecodeError as error:
        raise JobFailed(type(error).__name__, is_permanent=True) from None
