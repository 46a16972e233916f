"""Background tasks for documents: index documents, delete their files, and create the vectors of their chunks."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Final, TypeVar

import structlog

from control.db.duties import Duty, OutsideDuty, WorkerTasks
from control.db.errors import COLLISIONS, UNAVAILABLE
from control.db.jobs import JobFailed, JobHandler, JobLimits, decode_payload, list_queued
from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.db.transaction import in_transaction
from control.knowledge import queries
from control.knowledge.embedder import BATCH, Embedder, EmbedderUnavailable, EmbeddingUse, TextsRefused, enqueue_use
from control.knowledge.parser import DocumentParser, DocumentRefused, ParsedDocument
from control.knowledge.queries import ChunkText, DueDocument, select_due_for_vectors
from control.knowledge.rules import DocumentChunk, KnowledgeDocument, KnowledgeLimits, document_key, key_of
from control.knowledge.sections import make_chunks
from control.knowledge.service import (
    DELETE_FILE,
    INDEX_DOCUMENT,
    UPLOAD_TIME_S,
    DeleteFileJob,
    IndexDocumentJob,
    KnowledgeDocuments,
    encode_index_job,
)
from shared.errors import Unavailable
from shared.storage import ObjectNotFound, Storage, StorageUnavailable

# The ten attempts of a job take 43 minutes.
GIVE_UP: Final = timedelta(hours=2)
_MOST_STUCK: Final = 20
# Documents per run of the duty `document_vectors`, and requests per document.
MOST_DOCUMENTS: Final = 8
MOST_BATCHES: Final = 4
EVERY_S: Final = 10.0
# Maximum number of chunks per run that are refused individually. Beyond it, the fault is in the model or the settings,
# not in the text.
MOST_REFUSED: Final = 3
# A run starts no request after this time. The last request may take 63 s with its retries. A worker whose duty runs for
# 90 s, including pauses, counts as unhealthy and is restarted.
BEGIN_WITHIN_S: Final = 15.0
# Maximum number of characters that are sent for a chunk with its headings. Chunks have 900, and each heading is cut at
# 200.
LONGEST_TEXT: Final = 2_000
T = TypeVar("T")
log = structlog.get_logger()


def knowledge_tasks(
    pool: Pool, documents: KnowledgeDocuments, storage: Storage, embedder: Embedder | None = None
) -> WorkerTasks:
    """Return the jobs `knowledge.index_document` and `knowledge.delete_file`, and the duties of documents.

    The duties are `stuck_documents` and, with an embedder, `document_vectors`. Each index job has a child process of up
    to 512 MiB, so only a few run at once.
    """

    async def stuck_documents(db: Connection, now: datetime) -> int:
        return await fail_stuck(db, now, _MOST_STUCK)

    indexer = DocumentIndexer(pool, storage, documents, DocumentParser())
    return WorkerTasks(
        handlers={
            INDEX_DOCUMENT: make_index_document_job(indexer),
            DELETE_FILE: make_delete_file_job(storage),
        },
        duties=[Duty("stuck_documents", 600, stuck_documents, _MOST_STUCK), *_make_vector_duties(embedder)],
        limits={INDEX_DOCUMENT: JobLimits(timeout_s=180.0, concurrency=2)},
    )


def _make_vector_duties(embedder: Embedder | None) -> list[OutsideDuty]:
    if embedder is None:
        return []
    return [OutsideDuty("document_vectors", EVERY_S, EmbeddingDuty(embedder).run, MOST_DOCUMENTS)]


class DocumentIndexer:
    """Indexes documents, in platform scope."""

    def __init__(self, pool: Pool, storage: Storage, documents: KnowledgeDocuments, parser: DocumentParser) -> None:
        self._pool, self._storage, self._documents, self._parser = pool, storage, documents, parser

    async def index(self, job: IndexDocumentJob, now: datetime) -> None:
        """Read the document's file and replace its chunks.

        Does nothing if the document was deleted or already indexed under this revision. Raises JobFailed if a retry may
        succeed.
        """
        document = await self._run(lambda db: queries.select_document_by_id(db, job.document_id))
        if document is None or not _is_due(document, job.revision):
            return
        limits = await self._run(lambda db: self._documents.limits(db, document.workspace_id))
        try:
            parsed = await self._parse(document, limits, now)
            # Runs in a thread, because 2,000,000 characters would block the event loop for 0.1 to 0.5 s.
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
    """Mark up to `most` documents as failed whose job gave up, for example because the worker died. Return the number
    of documents.

    Documents whose job still waits for its turn are left unchanged. Requires platform scope.
    """
    queued = await list_queued(db, INDEX_DOCUMENT)
    old = await queries.select_stuck_documents(db, now - GIVE_UP, len(queued) + most)
    stuck = [document for document in old if encode_index_job(document) not in queued][:most]
    for document in stuck:
        await _store_failure(db, document, "gave_up")
    return len(stuck)


def _ignore() -> None:
    """Do nothing. A retry needs no preparation."""


def make_index_document_job(indexer: DocumentIndexer) -> JobHandler:
    """Return the handler of the job `knowledge.index_document`."""

    async def run(payload: bytes) -> None:
        await indexer.index(decode_payload(payload, IndexDocumentJob), datetime.now(UTC))

    return run


def make_delete_file_job(storage: Storage) -> JobHandler:
    """Return the handler of the job `knowledge.delete_file`."""

    async def run(payload: bytes) -> None:
        job = decode_payload(payload, DeleteFileJob)
        try:
            await storage.delete(document_key(job.workspace_id, job.document_id))
        except StorageUnavailable as fault:
            raise JobFailed(f"storage: {fault}") from None

    return run


async def _store_failure(db: Connection, document: KnowledgeDocument, code: str) -> None:
    """Mark the document as failed and delete its old chunks, which may be outdated."""
    await queries.lock_workspace(db, document.workspace_id)
    if await _is_wanted(db, document):
        await queries.delete_chunks(db, document.workspace_id, document.id)
        await queries.finish_document(db, document.id, failure=code)


async def _store_chunks(
    db: Connection,
    document: KnowledgeDocument,
    parsed: ParsedDocument,
    chunks: list[DocumentChunk],
    limits: KnowledgeLimits,
    now: datetime,
) -> None:
    await queries.lock_workspace(db, document.workspace_id)
    if not await _is_wanted(db, document):
        return
    if await queries.count_chunks(db, document.workspace_id, but=document.id) + len(chunks) > limits.chunks:
        await _store_failure(db, document, "workspace_full")
        return
    await queries.replace_chunks(db, document, chunks)
    await queries.finish_document(db, document.id, pages=parsed.pages, chunk_count=len(chunks), indexed_at=now)


async def _is_wanted(db: Connection, document: KnowledgeDocument) -> bool:
    """Return whether the document was not deleted, indexed or requested again since it was read. Locks the document."""
    current = await queries.select_document_by_id(db, document.id, lock=True)
    return current is not None and _is_due(current, document.revision)


def _is_due(document: KnowledgeDocument, revision: int) -> bool:
    return document.status == "pending" and document.revision == revision


class EmbeddingDuty:
    """Creates the vectors of documents' chunks after indexing, after a failure, and when the model changes.

    Each run continues where the previous run ended, because it selects chunks without a vector of the model. Requests
    to the embedder are made outside of transactions.
    """

    def __init__(self, embedder: Embedder) -> None:
        self._embedder, self._space = embedder, embedder.policy.space

    async def run(self, pool: Pool, now: datetime) -> int:
        """Create vectors. Return the number of documents, or 0 without the extension or if the embedder is
        unavailable.
        """
        if not await _run(pool, queries.prepare_vectors):
            return 0
        due = await _run(pool, lambda db: self._claim(db, now))
        until, done = asyncio.get_running_loop().time() + BEGIN_WITHIN_S, 0
        try:
            for document in due:
                await self._embed_or_postpone(pool, document, now, until)
                done += 1
        except EmbedderUnavailable as error:
            log.warning("embedder.failed", reason=str(error))
        for document in due[done:]:
            await self._release(pool, document, now)
        return done

    async def _claim(self, db: Connection, now: datetime) -> list[DueDocument]:
        found = await select_due_for_vectors(db, self._space, now, MOST_DOCUMENTS)
        return await queries.claim_for_vectors(db, found, self._space, now) if found else []

    async def _embed_or_postpone(self, pool: Pool, document: DueDocument, now: datetime, until: float) -> None:
        """Create vectors of a document, or postpone it if its text is refused. Raises EmbedderUnavailable."""
        try:
            await self._embed(pool, document, now, until)
        except TextsRefused as refused:
            log.warning("document.embedding_refused", document_id=str(document.id), reason=str(refused))
            await _run(pool, lambda db: queries.postpone_vectors(db, document, self._space, now))

    async def _embed(self, pool: Pool, document: DueDocument, now: datetime, until: float) -> None:
        """Create vectors of a document, or of a part of a long document. Raises EmbedderUnavailable, TextsRefused."""
        for _ in range(MOST_BATCHES):
            if asyncio.get_running_loop().time() >= until:
                break
            missing = await _run(
                pool, lambda db: queries.select_texts_without_vectors(db, document, self._space, BATCH)
            )
            if missing and not await self._embed_batch(pool, document, missing, now, until):
                return
            if len(missing) < BATCH:
                await _run(pool, lambda db: queries.finish_vectors(db, document, self._space))
                return
        await self._release(pool, document, now)

    async def _embed_batch(
        self, pool: Pool, document: DueDocument, chunks: list[ChunkText], now: datetime, until: float
    ) -> bool:
        """Embed the chunks together. If the embedder refuses them, embed them one by one, so that only refused chunks
        lack vectors.

        Returns and raises as `_embed_chunks` does.
        """
        try:
            return await self._embed_chunks(pool, document, chunks, now)
        except TextsRefused:
            if len(chunks) == 1:
                raise
        refused = list[TextsRefused]()
        for chunk in chunks:
            if len(refused) >= MOST_REFUSED or asyncio.get_running_loop().time() >= until:
                break
            try:
                if not await self._embed_chunks(pool, document, [chunk], now):
                    return False
            except TextsRefused as error:
                refused.append(error)
        if refused:
            raise refused[0]
        return True

    async def _embed_chunks(self, pool: Pool, document: DueDocument, chunks: list[ChunkText], now: datetime) -> bool:
        """Embed the chunks and store their vectors. Return False if the document has changed.

        The usage is recorded in any case. Raises EmbedderUnavailable, TextsRefused.
        """
        found = await self._embedder.embed([f"{chunk.heading}\n{chunk.text}"[:LONGEST_TEXT] for chunk in chunks])
        model = self._embedder.policy.model
        use = EmbeddingUse(document.workspace_id, model, found.tokens, found.is_estimated, now)

        async def store(db: Connection) -> bool:
            await enqueue_use(db, use)
            numbers = [chunk.number for chunk in chunks]
            return await queries.insert_vectors(db, document, self._space, numbers, found.vectors)

        return await _run(pool, store)

    async def _release(self, pool: Pool, document: DueDocument, now: datetime) -> None:
        await _run(pool, lambda db: queries.release_claim(db, document, now))


async def _run(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await work(db)
