"""Search by full text and, where there is an embedder, by meaning: both rankings are joined.

The question's vector is asked for while the words are searched. If it is not there in time, the words alone answer."""

import asyncio
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.db.pool import Connection
from control.knowledge import store_chunks, store_vectors
from control.knowledge.embedder import Embedder, EmbedderUnavailable, Embeddings, TextsRefused
from control.knowledge.embedding_usage import EmbeddingUse, enqueue_use
from control.knowledge.model import FoundPassage
from control.knowledge.rank_fusion import fuse_ranks
from control.knowledge.search import LONGEST_QUESTION, search_documents

# Passages of each ranking that are joined.
MOST_RANKED: Final = 20
# So long a database without vectors is believed to have none.
NO_VECTORS_S: Final = 60.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnowledgeQuery:
    """documents: only in these; empty: in all. most: passages. call_id, agent_id: of the call that asks."""

    workspace_id: UUID
    question: str
    documents: Collection[UUID]
    most: int
    call_id: UUID | None = None
    agent_id: UUID | None = None


class KnowledgeSearch:
    """embedder: None: full text only. While the database has no vectors it is not asked, but for one question a
    minute."""

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder = embedder
        self._ask_from = 0.0

    async def find_words(self, db: Connection, query: KnowledgeQuery) -> list[FoundPassage]:
        """What full text finds: as many as are joined where there is an embedder."""
        most = query.most if self.embedder is None else max(query.most, MOST_RANKED)
        return await search_documents(db, query.workspace_id, query.question, documents=query.documents, most=most)

    @asynccontextmanager
    async def embedding(self, question: str) -> AsyncIterator["asyncio.Task[Embeddings | None]"]:
        """Asks for the question's vector, until the block ends. The task ends in time, with None if there is none."""
        task = asyncio.create_task(self.embed_question(question))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def embed_question(self, question: str) -> Embeddings | None:
        """The question's vector; None without an embedder, or if it has not answered in time."""
        if self.embedder is None or asyncio.get_running_loop().time() < self._ask_from:
            return None
        try:
            return await self.embedder.embed_question(question[:LONGEST_QUESTION])
        except (EmbedderUnavailable, TextsRefused) as error:
            log.info("question.embedding_failed", reason=str(error))
            return None

    async def join(
        self,
        db: Connection,
        query: KnowledgeQuery,
        words: Sequence[FoundPassage],
        found: Embeddings | None,
        now: datetime,
    ) -> list[FoundPassage]:
        """The best passages of both rankings; has the worker record what the vector cost. words: of full text. found:
        the question's vector."""
        if found is None or self.embedder is None:
            return list(words[: query.most])
        policy = self.embedder.policy
        use = EmbeddingUse(
            query.workspace_id, policy.model, found.tokens, found.is_estimated, now, query.call_id, query.agent_id
        )
        await enqueue_use(db, use)
        if not await store_vectors.has_vectors(db):
            self._ask_from = asyncio.get_running_loop().time() + NO_VECTORS_S
            return list(words[: query.most])
        ranks = await store_vectors.rank_nearest(
            db, query.workspace_id, found.vectors[0], policy.space, query.documents, MOST_RANKED
        )
        near = {one.key: one for one in ranks if one.score >= policy.least_similarity}
        by_words = {(one.document_id, one.number): one for one in words}
        best = fuse_ranks([list(by_words), list(near)])[: query.most]
        others = [near[key] for key, _ in best if key not in by_words]
        texts = await store_chunks.select_passages(db, query.workspace_id, others, 0.0) if others else []
        known = by_words | {(one.document_id, one.number): one for one in texts}
        return [replace(known[key], score=score) for key, score in best if key in known]

    async def close(self) -> None:
        """Closes the embedder's connections."""
        if self.embedder is not None:
            await self.embedder.close()
