"""Searches a workspace's documents by full text and, with an embedder, by meaning."""

import asyncio
from collections.abc import AsyncIterator, Collection, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import UUID

import structlog

from control.db.pool import Connection
from control.knowledge import queries
from control.knowledge.embedder import (
    Embedder,
    EmbedderUnavailable,
    Embeddings,
    EmbeddingUse,
    TextsRefused,
    enqueue_use,
)
from control.knowledge.rules import FoundPassage
from control.knowledge.search_query import (
    LONGEST_SIMILAR,
    MOST_CANDIDATES,
    SHORTEST_SIMILAR,
    ChunkQuery,
    ChunkRank,
    SearchTerm,
    choose_terms,
    configuration_of,
    find_similar,
    fuse_ranks,
    make_query,
    most_differing,
    sample_size,
    split_question,
)

# Maximum number of characters of a question that are used.
LONGEST_QUESTION: Final = 500
# Maximum number of words without a chunk that are replaced by a similar word.
_MOST_SIMILAR: Final = 4
_PREFIX: Final = 2
_MOST_NEIGHBORS: Final = 1_000
# Maximum number of documents in which very frequent words are searched.
_MOST_SAMPLED: Final = 200
# Minimum share of a question's weight that a passage must have: one of three equally rare words.
_LEAST_SHARE: Final = 0.3
# Number of passages of each ranking that are combined.
MOST_RANKED: Final = 20
# How long 'this database has no vectors' is cached.
NO_VECTORS_S: Final = 60.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class KnowledgeQuery:
    """A search for passages.

    Attributes:
        documents: Documents to search. Empty: all documents.
        most: Maximum number of passages.
        call_id: The call that searches.
        agent_id: The agent that searches.
    """

    workspace_id: UUID
    question: str
    documents: Collection[UUID]
    most: int
    call_id: UUID | None = None
    agent_id: UUID | None = None


class KnowledgeSearch:
    """Finds passages by words and, with an embedder, by meaning, and combines both rankings.

    The question's vector is requested during the full-text search. If the vector is late, only the full-text result is
    used. While the database has no vectors, the embedder gets only one question per minute.
    """

    def __init__(self, embedder: Embedder | None = None) -> None:
        self.embedder = embedder
        self._ask_from = 0.0

    async def find_words(self, db: Connection, query: KnowledgeQuery) -> list[FoundPassage]:
        """Return the passages that full text finds. With an embedder, return as many as the combination needs."""
        most = query.most if self.embedder is None else max(query.most, MOST_RANKED)
        return await search_documents(db, query.workspace_id, query.question, documents=query.documents, most=most)

    @asynccontextmanager
    async def embedding(self, question: str) -> AsyncIterator["asyncio.Task[Embeddings | None]"]:
        """Request the question's vector until the block ends.

        The task ends within the time limit. Its result is None if there is no vector.
        """
        task = asyncio.create_task(self.embed_question(question))
        try:
            yield task
        finally:
            task.cancel()
            await asyncio.wait({task})

    async def embed_question(self, question: str) -> Embeddings | None:
        """Return the question's vector. Return None without an embedder, or if it does not answer in time."""
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
        """Return the best passages of both rankings, and enqueue the recording of the vector's usage.

        Args:
            words: Result of the full-text search.
            found: The question's vector.
        """
        if found is None or self.embedder is None:
            return list(words[: query.most])
        policy = self.embedder.policy
        use = EmbeddingUse(
            query.workspace_id, policy.model, found.tokens, found.is_estimated, now, query.call_id, query.agent_id
        )
        await enqueue_use(db, use)
        if not await queries.has_vectors(db):
            self._ask_from = asyncio.get_running_loop().time() + NO_VECTORS_S
            return list(words[: query.most])
        ranks = await queries.rank_nearest(
            db, query.workspace_id, found.vectors[0], policy.space, query.documents, MOST_RANKED
        )
        near = {rank.key: rank for rank in ranks if rank.score >= policy.least_similarity}
        by_words = {(passage.document_id, passage.number): passage for passage in words}
        best = fuse_ranks([list(by_words), list(near)])[: query.most]
        others = [near[key] for key, _ in best if key not in by_words]
        texts = await queries.select_passages(db, query.workspace_id, others, 0.0) if others else []
        known = by_words | {(passage.document_id, passage.number): passage for passage in texts}
        return [replace(known[key], score=score) for key, score in best if key in known]

    async def close(self) -> None:
        """Close the embedder's connections."""
        if self.embedder is not None:
            await self.embedder.close()


async def search_documents(
    db: Connection, workspace_id: UUID, question: str, *, documents: Collection[UUID] = (), most: int = 4
) -> list[FoundPassage]:
    """Return up to `most` passages that best answer a question.

    Words are compared after stemming in the documents' languages. A word without a match is replaced by a similar word,
    because recognizers mishear callers' words.

    Args:
        documents: Documents to search. Empty: all documents.
    """
    languages = await queries.select_languages(db, workspace_id)
    configurations = sorted({configuration_of(language) for language in languages})
    words = split_question(question[:LONGEST_QUESTION])
    if not configurations or not words:
        return []
    terms = choose_terms(await queries.select_terms(db, workspace_id, configurations, words))
    terms = await _with_similar(db, workspace_id, terms)
    total = sum(languages.values())
    size = sample_size(terms, total)
    sample = await queries.select_newest_documents(db, workspace_id, documents, size, _MOST_SAMPLED) if size else []
    query = make_query(terms, total, workspace_id, documents, sample)
    if query is None:
        return []
    ranks = await _rank(db, workspace_id, query, most)
    passages = await queries.select_passages(db, workspace_id, ranks, query.total_weight)
    return [passage for passage in passages if passage.share >= _LEAST_SHARE]


async def _rank(db: Connection, workspace_id: UUID, query: ChunkQuery, most: int) -> list[ChunkRank]:
    if query.sample:
        ranks = await queries.rank_chunks(db, workspace_id, query.sample, query.terms, most, MOST_CANDIDATES)
        if len(ranks) >= most:
            return ranks
    for wanted in query.attempts:
        ranks = await queries.rank_chunks(db, workspace_id, wanted, query.terms, most, MOST_CANDIDATES)
        if ranks:
            return ranks
    return []


async def _with_similar(db: Connection, workspace_id: UUID, terms: Iterable[SearchTerm]) -> list[SearchTerm]:
    """Return the words. Some words without a match are replaced by a similar word."""
    found, left = list[SearchTerm](), _MOST_SIMILAR
    for term in terms:
        similar = None
        if term.chunks == 0 and SHORTEST_SIMILAR <= len(term.text) <= LONGEST_SIMILAR and left > 0:
            left -= 1
            size, most = len(term.text), most_differing(term.text)
            lengths = range(size - most, size + most + 1)
            near = await queries.select_neighbors(db, workspace_id, term.text[:_PREFIX], lengths, _MOST_NEIGHBORS)
            similar = find_similar(term, near)
        found.append(similar or term)
    return found
