"""SQL of the schema knowledge_vectors, which is there only where the database has the extension vector."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.knowledge.search_query import ChunkRank

# Chunks that are compared one by one, in place of the index: 10,000 take 28 ms. By the index of 190,000 they took
# 55 ms, because most of what is near is of other workspaces.
MOST_COMPARED: Final = 10_000
_DUE: Final = """
    SELECT id, workspace_id, revision FROM (
        SELECT d.id, d.workspace_id, d.revision,
               row_number() OVER (PARTITION BY d.workspace_id ORDER BY d.created_at, d.id) AS place
        FROM knowledge_documents d LEFT JOIN knowledge_vectors.documents v ON v.document_id = d.id
        WHERE d.status = 'ready' AND d.chunk_count > 0
          AND (v.document_id IS NULL OR v.model <> $1 OR v.revision <> d.revision
               OR (NOT v.is_finished AND v.retry_at <= $2))
    ) due ORDER BY place, id LIMIT $3
"""
_MISSING: Final = """
    SELECT c.number, c.heading, c.text FROM knowledge_chunks c
    WHERE c.document_id = $1 AND c.workspace_id = $2 AND NOT EXISTS (
        SELECT FROM knowledge_vectors.chunks v
        WHERE v.document_id = c.document_id AND v.number = c.number AND v.model = $3
    )
    ORDER BY c.number LIMIT $4
"""
# Locks the document, so that nobody puts other chunks in place of those that the vectors are of.
_CURRENT: Final = """
    SELECT EXISTS (
        SELECT FROM knowledge_documents
        WHERE id = $1 AND workspace_id = $2 AND revision = $3 AND status = 'ready' FOR SHARE
    )
"""
_INSERT: Final = """
    INSERT INTO knowledge_vectors.chunks (document_id, number, workspace_id, model, embedding)
    SELECT $1, n.number, $2, $3, n.embedding::halfvec(1024)
    FROM unnest($4::integer[], $5::text[]) AS n (number, embedding)
    ON CONFLICT (document_id, number) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
"""
_FINISH: Final = """
    INSERT INTO knowledge_vectors.documents AS v (document_id, workspace_id, model, revision, is_finished)
    VALUES ($1, $2, $3, $4, true)
    ON CONFLICT (document_id) DO UPDATE
    SET model = excluded.model, revision = excluded.revision, is_finished = true, failures = 0, retry_at = NULL
"""
# After each failure twice as long, one day at most.
_POSTPONE: Final = """
    INSERT INTO knowledge_vectors.documents AS v
        (document_id, workspace_id, model, revision, is_finished, failures, retry_at)
    VALUES ($1, $2, $3, $4, false, 1, $5::timestamptz + interval '10 minutes')
    ON CONFLICT (document_id) DO UPDATE
    SET model = excluded.model, revision = excluded.revision, is_finished = false, failures = v.failures + 1,
        retry_at = $5::timestamptz + least(interval '10 minutes' * 2 ^ least(v.failures, 10), interval '1 day')
"""


@dataclass(frozen=True, slots=True)
class DueDocument:
    """A document without all of its vectors."""

    id: UUID
    workspace_id: UUID
    revision: int


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk whose vector is missing."""

    number: int
    heading: str
    text: str


async def prepare(db: Connection) -> bool:
    """Makes the tables if the extension is there; returns whether they are."""
    is_ready: bool = await db.fetchval("SELECT prepare_knowledge_vectors()")
    return is_ready


async def has_vectors(db: Connection) -> bool:
    """Whether the tables are there."""
    is_ready: bool = await db.fetchval("SELECT to_regclass('knowledge_vectors.chunks') IS NOT NULL")
    return is_ready


async def select_due(db: Connection, model: str, now: datetime, most: int) -> list[DueDocument]:
    """Documents that lack vectors of this model, one of each workspace before the second of any. In platform scope."""
    return [DueDocument(**row) for row in await db.fetch(_DUE, model, now, most)]


async def select_missing(db: Connection, document: DueDocument, model: str, most: int) -> list[ChunkText]:
    """The document's first chunks without a vector of this model."""
    rows = await db.fetch(_MISSING, document.id, document.workspace_id, model, most)
    return [ChunkText(**row) for row in rows]


async def insert_vectors(
    db: Connection, document: DueDocument, model: str, numbers: Sequence[int], vectors: Sequence[Sequence[float]]
) -> bool:
    """Stores vectors of chunks; False, and nothing, where the document was indexed anew or deleted meanwhile."""
    if not await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        return False
    texts = [f"[{','.join(map(repr, vector))}]" for vector in vectors]
    await db.execute(_INSERT, document.id, document.workspace_id, model, list(numbers), texts)
    return True


async def finish(db: Connection, document: DueDocument, model: str) -> None:
    """Stores that the document has all its vectors."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_FINISH, document.id, document.workspace_id, model, document.revision)


async def postpone(db: Connection, document: DueDocument, model: str, now: datetime) -> None:
    """Stores that the embedder refused the document's text: it is tried again later, however often."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_POSTPONE, document.id, document.workspace_id, model, document.revision, now)


async def rank_nearest(
    db: Connection, workspace_id: UUID, vector: Sequence[float], model: str, documents: Collection[UUID], most: int
) -> list[ChunkRank]:
    """The chunks that are nearest to a question's vector, best first. score: the cosine of their angle. documents: only
    of these; empty: of all."""
    rows = await db.fetch(
        "SELECT document_id, number, similarity FROM knowledge_vectors.rank($1, $2::real[], $3, $4::uuid[], $5, $6)",
        workspace_id,
        list(vector),
        model,
        list(documents),
        most,
        MOST_COMPARED,
    )
    return [ChunkRank(row["document_id"], row["number"], row["similarity"]) for row in rows]
