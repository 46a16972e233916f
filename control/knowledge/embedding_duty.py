"""The duty that makes the vectors of documents' chunks: after indexing, after a failure, and when the model changes.

Each run continues where the last one ended, because chunks without a vector of the model are what is left to do."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Final, TypeVar

import structlog

from control.db.pool import Connection, Pool
from control.db.scope import enter_platform
from control.knowledge import store_vectors
from control.knowledge.embedder import BATCH, Embedder, EmbedderUnavailable, TextsRefused
from control.knowledge.embedding_usage import EmbeddingUse, enqueue_use
from control.knowledge.read_due_documents import select_due
from control.knowledge.store_vectors import ChunkText, DueDocument

# Of one run: documents, one of each workspace before the second of any, and requests for each of them.
MOST_DOCUMENTS: Final = 8
MOST_BATCHES: Final = 4
EVERY_S: Final = 10.0
# Chunks of a run that are refused one by one; then it is the model or the settings, and not the text.
MOST_REFUSED: Final = 3
# A run begins no request later. The last one may take 63 s with its attempts, and a worker whose duty has not ended for
# 90 s, pauses included, counts as unhealthy and is restarted.
BEGIN_WITHIN_S: Final = 15.0
# Characters of a chunk with its headings that are sent: chunks have 900, headings are cut at 200 each.
LONGEST_TEXT: Final = 2_000
T = TypeVar("T")
log = structlog.get_logger()


class EmbeddingDuty:
    """Vectors by one embedder. Its requests are made outside of transactions."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder, self._space = embedder, embedder.policy.space

    async def run(self, pool: Pool, now: datetime) -> int:
        """For how many documents it made vectors; 0 without the extension, and where the embedder cannot be reached."""
        if not await _run(pool, store_vectors.prepare):
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
        found = await select_due(db, self._space, now, MOST_DOCUMENTS)
        return await store_vectors.claim(db, found, self._space, now) if found else []

    async def _embed_or_postpone(self, pool: Pool, document: DueDocument, now: datetime, until: float) -> None:
        """Raises EmbedderUnavailable."""
        try:
            await self._embed(pool, document, now, until)
        except TextsRefused as refused:
            log.warning("document.embedding_refused", document_id=str(document.id), reason=str(refused))
            await _run(pool, lambda db: store_vectors.postpone(db, document, self._space, now))

    async def _embed(self, pool: Pool, document: DueDocument, now: datetime, until: float) -> None:
        """A part of a long document: the next run goes on. Raises EmbedderUnavailable, TextsRefused."""
        for _ in range(MOST_BATCHES):
            if asyncio.get_running_loop().time() >= until:
                break
            missing = await _run(pool, lambda db: store_vectors.select_missing(db, document, self._space, BATCH))
            if missing and not await self._embed_batch(pool, document, missing, now, until):
                return
            if len(missing) < BATCH:
                await _run(pool, lambda db: store_vectors.finish(db, document, self._space))
                return
        await self._release(pool, document, now)

    async def _embed_batch(
        self, pool: Pool, document: DueDocument, chunks: list[ChunkText], now: datetime, until: float
    ) -> bool:
        """As `_embed_chunks`; where the embedder refuses them together, one by one: then only those lack vectors that
        are refused alone."""
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
        """False: the document is not what it was. What was used is recorded in any case. Raises EmbedderUnavailable,
        TextsRefused."""
        found = await self._embedder.embed([f"{one.heading}\n{one.text}"[:LONGEST_TEXT] for one in chunks])
        model = self._embedder.policy.model
        use = EmbeddingUse(document.workspace_id, model, found.tokens, found.is_estimated, now)

        async def store(db: Connection) -> bool:
            await enqueue_use(db, use)
            numbers = [one.number for one in chunks]
            return await store_vectors.insert_vectors(db, document, self._space, numbers, found.vectors)

        return await _run(pool, store)

    async def _release(self, pool: Pool, document: DueDocument, now: datetime) -> None:
        await _run(pool, lambda db: store_vectors.release(db, document, now))


async def _run(pool: Pool, work: Callable[[Connection], Awaitable[T]]) -> T:
    async with pool.transaction() as db:
        await enter_platform(db)
        return await work(db)
