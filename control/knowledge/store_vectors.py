"""SQL of the schema knowledge_vectors, which is there only where the database has the extension vector."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.knowledge.search_query import ChunkRank

# Chunks that are compared one by one, in place of the index: 10,000 take 28 ms. By the index of 190,000 they took
# 55 ms, because most of what is near is of other workspaces.
MOST_COMPARED: Final = 10_000
# For so long a worker has a document. A run takes 78 s at most (embedding_duty.py); a killed worker's claim ends.
CLAIM: Final = timedelta(minutes=3)
# Claims documents for one worker, until retry_at: two would pay for the same vectors. Those that are being deleted are
# left out.
_CLAIM: Final = """
    INSERT INTO knowledge_vectors.documents AS v (document_id, workspace_id, model, revision, is_finished, retry_at)
    SELECT d.id, d.workspace_id, $1, d.revision, false, $2::timestamptz + $4::interval
    FROM knowledge_documents d WHERE d.id = ANY($3::uuid[])
    FOR KEY SHARE OF d SKIP LOCKED
    ON CONFLICT (document_id) DO UPDATE
    SET model = excluded.model, revision = excluded.revision, is_finished = false, retry_at = excluded.retry_at,
        failures = CASE WHEN v.model = excluded.model AND v.revision = excluded.revision THEN v.failures ELSE 0 END
    WHERE v.model <> excluded.model OR v.revision <> excluded.revision OR (NOT v.is_finished AND v.retry_at <= $2)
    RETURNING v.document_id AS id, v.workspace_id, v.revision
"""
_RELEASE: Final = """
    UPDATE knowledge_vectors.documents SET retry_at = $3
    WHERE document_id = $1 AND workspace_id = $2 AND NOT is_finished
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


async def claim(db: Connection, document_ids: Collection[UUID], space: str, now: datetime) -> list[DueDocument]:
    """Claims those of these documents that still lack vectors of this space, and that no other worker has. In platform
    scope."""
    rows = await db.fetch(_CLAIM, space, now, list(document_ids), CLAIM)
    return [DueDocument(**row) for row in rows]


async def release(db: Connection, document: DueDocument, now: datetime) -> None:
    """Ends the claim of a document that still lacks vectors: it is due again from `now` on."""
    await db.execute(_RELEASE, document.id, document.workspace_id, now)


async def select_missing(db: Connection, document: DueDocument, space: str, most: int) -> list[ChunkText]:
    """The document's first chunks without a vector of this space (EmbedderPolicy.space)."""
    rows = await db.fetch(_MISSING, document.id, document.workspace_id, space, most)
    return [ChunkText(**row) for row in rows]


async def insert_vectors(
    db: Connection, document: DueDocument, space: str, numbers: Sequence[int], vectors: Sequence[Sequence[float]]
) -> bool:
    """Stores vectors of chunks; False, and nothing, where the document was indexed anew or deleted meanwhile."""
    if not await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        return False
    texts = [f"[{','.join(map(repr, vector))}]" for vector in vectors]
    await db.execute(_INSERT, document.id, document.workspace_id, space, list(numbers), texts)
    return True


async def finish(db: Connection, document: DueDocument, space: str) -> None:
    """Stores that the document has all its vectors."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_FINISH, document.id, document.workspace_id, space, document.revision)


async def postpone(db: Connection, document: DueDocument, space: str, now: datetime) -> None:
    """Stores that the embedder refused the document's text: it is tried again later, however often."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_POSTPONE, document.id, document.workspace_id, space, document.revision, now)


async def rank_nearest(
    db: Connection, workspace_id: UUID, vector: Sequence[float], space: str, documents: Collection[UUID], most: int
) -> list[ChunkRank]:
    """The chunks that are nearest to a question's vector, best first. score: the cosine of their angle. documents: only
    of these; empty: of all."""
    rows = await db.fetch(
        "SELECT document_id, number, similarity FROM knowledge_vectors.rank($1, $2::real[], $3, $4::uuid[], $5, $6)",
        workspace_id,
        list(vector),
        space,
        list(documents),
        most,
        MOST_COMPARED,
    )
    return [ChunkRank(row["document_id"], row["number"], row["similarity"]) for row in rows]
