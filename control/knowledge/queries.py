"""SQL for documents, their chunks, terms and vectors.

The schema knowledge_vectors exists only if the database has the extension vector.
"""

from collections.abc import Collection, Sequence
from dataclasses import astuple, dataclass, fields
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from control.db.keyset import Keyset, ListPage, PageRequest, cut_page
from control.db.pool import Connection
from control.knowledge.rules import DocumentChunk, FoundPassage, KnowledgeDocument
from control.knowledge.search_query import (
    ChunkRank,
    SearchTerm,
    WordForm,
    configuration_of,
    document_lexeme,
    workspace_lexeme,
)

_NAMES: Final = [field.name for field in fields(KnowledgeDocument)]
_COLUMNS: Final = ", ".join(_NAMES)
_INSERT_DOCUMENT: Final = (
    f"INSERT INTO knowledge_documents ({_COLUMNS}) VALUES ({', '.join(f'${n + 1}' for n in range(len(_NAMES)))})"
)
_SELECT_DOCUMENTS: Final = f"SELECT {_COLUMNS} FROM knowledge_documents WHERE workspace_id = $1"
_DOCUMENT_ORDER: Final = Keyset(
    ("created_at", "id"), "SELECT created_at, id FROM knowledge_documents WHERE id = $1 AND workspace_id = $2"
)
_RESTART_DOCUMENT: Final = f"""
    UPDATE knowledge_documents
    SET status = 'pending', failure = NULL, revision = revision + 1, requested_at = $3, start_tag = $4
    WHERE workspace_id = $1 AND id = $2 RETURNING {_COLUMNS}
"""
_FINISH_DOCUMENT: Final = """
    UPDATE knowledge_documents
    SET status = $2, failure = $3, pages = $4, chunk_count = $5, indexed_at = coalesce($6, indexed_at)
    WHERE id = $1
"""
_NEWEST_DOCUMENTS: Final = """
    SELECT id FROM (
        SELECT id, sum(chunk_count) OVER (ORDER BY created_at DESC, id DESC) - chunk_count AS newer FROM (
            SELECT id, created_at, chunk_count FROM knowledge_documents
            WHERE workspace_id = $1 AND chunk_count > 0 AND (cardinality($2::uuid[]) = 0 OR id = ANY($2::uuid[]))
            ORDER BY created_at DESC, id DESC LIMIT $3
        ) newest
    ) counted WHERE newer < $4
"""
_LOCK: Final = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))"


async def lock_workspace(db: Connection, workspace_id: UUID) -> None:
    """Serialize changes of a workspace's chunks and terms until the transaction ends. Indexing holds the lock for
    seconds.
    """
    await db.execute(_LOCK, f"knowledge {workspace_id}")


async def lock_documents(db: Connection, workspace_id: UUID) -> None:
    """Serialize the addition of documents to a workspace until the transaction ends.

    This lock is separate from `lock_workspace`, so that a request does not hold a connection while another document is
    indexed.
    """
    await db.execute(_LOCK, f"knowledge documents {workspace_id}")


async def insert_document(db: Connection, document: KnowledgeDocument) -> None:
    await db.execute(_INSERT_DOCUMENT, *astuple(document))


async def select_document(db: Connection, workspace_id: UUID, document_id: UUID) -> KnowledgeDocument | None:
    """Return a document of the workspace, or None."""
    row = await db.fetchrow(f"{_SELECT_DOCUMENTS} AND id = $2", workspace_id, document_id)
    return None if row is None else KnowledgeDocument(**row)


async def select_document_by_id(db: Connection, document_id: UUID, *, lock: bool = False) -> KnowledgeDocument | None:
    """Return a document of any workspace, or None. Requires platform scope."""
    tail = "FOR UPDATE" if lock else ""
    row = await db.fetchrow(f"SELECT {_COLUMNS} FROM knowledge_documents WHERE id = $1 {tail}", document_id)
    return None if row is None else KnowledgeDocument(**row)


async def select_documents(db: Connection, workspace_id: UUID, page: PageRequest) -> ListPage[KnowledgeDocument]:
    """Return a page of the workspace's documents, newest first. Raises Invalid (code cursor_unknown)."""
    clause = await _DOCUMENT_ORDER.make_clause(db, page, (workspace_id,), (workspace_id,))
    rows = await db.fetch(f"{_SELECT_DOCUMENTS} {clause.tail}", *clause.values)
    return cut_page([KnowledgeDocument(**row) for row in rows], page)


async def count_documents(db: Connection, workspace_id: UUID) -> int:
    """Return the number of documents in a workspace."""
    count: int = await db.fetchval("SELECT count(*) FROM knowledge_documents WHERE workspace_id = $1", workspace_id)
    return count


async def select_known(db: Connection, workspace_id: UUID, document_ids: Collection[UUID]) -> set[UUID]:
    """Return which of these ids are documents of the workspace."""
    rows = await db.fetch(
        "SELECT id FROM knowledge_documents WHERE workspace_id = $1 AND id = ANY($2::uuid[])",
        workspace_id,
        list(document_ids),
    )
    return {row["id"] for row in rows}


async def select_newest_documents(
    db: Connection, workspace_id: UUID, among: Collection[UUID], chunks: int, most: int
) -> list[UUID]:
    """Return the newest documents that together have `chunks` chunks, at most `most`.

    Args:
        among: Restricts the search to these documents. Empty: all documents.
    """
    rows = await db.fetch(_NEWEST_DOCUMENTS, workspace_id, list(among), most, chunks)
    return [row["id"] for row in rows]


async def select_last_turn(db: Connection, workspace_id: UUID) -> int | None:
    """Return the last turn of the workspace's documents that wait to be indexed, or None if no document waits."""
    last: int | None = await db.fetchval(
        "SELECT max(start_tag) FROM knowledge_documents WHERE workspace_id = $1 AND status = 'pending'", workspace_id
    )
    return last


async def restart_document(
    db: Connection, workspace_id: UUID, document_id: UUID, now: datetime, turn: int
) -> KnowledgeDocument | None:
    """Set a document to pending under its next revision. Return None if the document does not exist."""
    row = await db.fetchrow(_RESTART_DOCUMENT, workspace_id, document_id, now, turn)
    return None if row is None else KnowledgeDocument(**row)


async def select_stuck_documents(db: Connection, requested_before: datetime, most: int) -> list[KnowledgeDocument]:
    """Return documents that have been pending since before `requested_before`, longest first. Requires platform
    scope."""
    rows = await db.fetch(
        f"SELECT {_COLUMNS} FROM knowledge_documents WHERE status = 'pending' AND requested_at < $1 "
        "ORDER BY requested_at LIMIT $2",
        requested_before,
        most,
    )
    return [KnowledgeDocument(**row) for row in rows]


async def finish_document(
    db: Connection,
    document_id: UUID,
    *,
    failure: str | None = None,
    pages: int | None = None,
    chunk_count: int = 0,
    indexed_at: datetime | None = None,
) -> None:
    """Store the outcome of indexing.

    Args:
        failure: A key of FAILURES. None if the document can be searched.
    """
    status = "ready" if failure is None else "failed"
    await db.execute(_FINISH_DOCUMENT, document_id, status, failure, pages, chunk_count, indexed_at)


async def delete_document(db: Connection, document_id: UUID) -> None:
    """Delete a document with its chunks."""
    await db.execute("DELETE FROM knowledge_documents WHERE id = $1", document_id)


_CALL_DOCUMENTS: Final = """
    SELECT v.config->'knowledge'->'document_ids' AS ids
    FROM calls c JOIN agent_versions v ON v.agent_id = c.agent_id AND v.version = c.agent_version
    WHERE c.id = $1 AND c.workspace_id = $2
"""


async def select_call_documents(db: Connection, workspace_id: UUID, call_id: UUID) -> list[UUID] | None:
    """Return the ids of the documents that a call may search. An empty list means all documents of the workspace.

    Returns None if the call's agent version is unknown. Then the call may search no documents.
    """
    row = await db.fetchrow(_CALL_DOCUMENTS, call_id, workspace_id)
    return None if row is None else [UUID(document_id) for document_id in row["ids"] or ()]


# -- Chunks and terms for full-text search --

# Chunks per statement. Inserting 500 takes 0.5 s, and a statement may take 10 s.
_BATCH: Final = 500
# Headings have more weight than text (A and D of setweight). The two scope lexemes have no positions.
_INSERT_CHUNKS: Final = """
    INSERT INTO knowledge_chunks (document_id, number, workspace_id, page, heading, text, search)
    SELECT $1, c.number, $2, c.page, c.heading, c.text,
           setweight(to_tsvector($3::text::regconfig, c.heading), 'A') || to_tsvector($3::text::regconfig, c.text)
           || array_to_tsvector($4::text[])
    FROM unnest($5::integer[], $6::integer[], $7::text[], $8::text[]) AS c (number, page, heading, text)
"""
_TERMS: Final = """
    SELECT l.term, count(*)::integer AS chunks
    FROM knowledge_chunks c, LATERAL unnest(tsvector_to_array(c.search)) AS l (term)
    WHERE c.document_id = $1 AND l.term <> ALL($3::text[]) AND length(l.term) <= 100 GROUP BY l.term
"""
_ADD_TERMS: Final = f"""
    INSERT INTO knowledge_terms AS t (workspace_id, term, chunks) SELECT $2, n.term, n.chunks FROM ({_TERMS}) n
    ON CONFLICT (workspace_id, term) DO UPDATE SET chunks = t.chunks + excluded.chunks
"""
_TAKE_TERMS: Final = f"""
    WITH n AS ({_TERMS})
    UPDATE knowledge_terms t SET chunks = t.chunks - n.chunks FROM n WHERE t.workspace_id = $2 AND t.term = n.term
"""
_COUNT_CHUNKS: Final = (
    "SELECT coalesce(sum(chunk_count), 0)::integer FROM knowledge_documents WHERE workspace_id = $1 AND id <> $2"
)
# Each word of a question as stemmed by each configuration, with the number of chunks that contain it. A stop word has
# no term.
_SEARCHED: Final = """
    SELECT w.word, l.term, coalesce(t.chunks, 0) AS chunks
    FROM unnest($3::text[]) WITH ORDINALITY AS w (word, place) CROSS JOIN unnest($2::text[]) AS c (configuration)
    LEFT JOIN LATERAL unnest(tsvector_to_array(to_tsvector(c.configuration::regconfig, w.word))) AS l (term) ON true
    LEFT JOIN knowledge_terms t ON t.workspace_id = $1 AND t.term = l.term
    ORDER BY w.place, c.configuration
"""
_LANGUAGES: Final = """
    SELECT language, sum(chunk_count)::integer AS chunks FROM knowledge_documents
    WHERE workspace_id = $1 AND chunk_count > 0 GROUP BY language
"""
_NEIGHBORS: Final = """
    SELECT term, chunks FROM knowledge_terms
    WHERE workspace_id = $1 AND term >= $2 AND term < $3 AND length(term) BETWEEN $4 AND $5 AND chunks > 0 LIMIT $6
"""
_RANK: Final = """
    SELECT document_id, number, score
    FROM rank_knowledge_chunks($1, $2::text::tsquery, $3::text[]::tsquery[], $4::float8[], $5, $6)
"""
_PASSAGES: Final = """
    SELECT c.document_id, d.name AS document, c.number, c.page, c.heading, c.text
    FROM unnest($2::uuid[], $3::integer[]) AS f (document_id, number)
    JOIN knowledge_chunks c ON c.document_id = f.document_id AND c.number = f.number AND c.workspace_id = $1
    JOIN knowledge_documents d ON d.id = c.document_id
"""


async def replace_chunks(db: Connection, document: KnowledgeDocument, chunks: Sequence[DocumentChunk]) -> None:
    """Replace the document's chunks with these chunks."""
    await delete_chunks(db, document.workspace_id, document.id)
    tags = _tags(document.workspace_id, document.id)
    for first in range(0, len(chunks), _BATCH):
        batch = chunks[first : first + _BATCH]
        await db.execute(
            _INSERT_CHUNKS,
            document.id,
            document.workspace_id,
            configuration_of(document.language),
            tags,
            [chunk.number for chunk in batch],
            [chunk.page for chunk in batch],
            [chunk.heading for chunk in batch],
            [chunk.text for chunk in batch],
        )
    await db.execute(_ADD_TERMS, document.id, document.workspace_id, tags)


async def delete_chunks(db: Connection, workspace_id: UUID, document_id: UUID) -> None:
    """Delete a document's chunks and subtract its words from the term counts."""
    await db.execute(_TAKE_TERMS, document_id, workspace_id, _tags(workspace_id, document_id))
    await db.execute("DELETE FROM knowledge_terms WHERE workspace_id = $1 AND chunks <= 0", workspace_id)
    await db.execute("DELETE FROM knowledge_chunks WHERE document_id = $1", document_id)


async def count_chunks(db: Connection, workspace_id: UUID, *, but: UUID) -> int:
    """Return the number of chunks in a workspace, except those of document `but`."""
    count: int = await db.fetchval(_COUNT_CHUNKS, workspace_id, but)
    return count


async def select_languages(db: Connection, workspace_id: UUID) -> dict[str, int]:
    """Return the languages of searchable documents with their numbers of chunks."""
    return {row["language"]: row["chunks"] for row in await db.fetch(_LANGUAGES, workspace_id)}


async def select_terms(
    db: Connection, workspace_id: UUID, configurations: Sequence[str], words: Sequence[str]
) -> list[WordForm]:
    """Return the words as stemmed by each configuration."""
    rows = await db.fetch(_SEARCHED, workspace_id, list(configurations), list(words))
    return [WordForm(row["word"], row["term"], row["chunks"]) for row in rows]


async def select_neighbors(
    db: Connection, workspace_id: UUID, prefix: str, lengths: range, most: int
) -> list[SearchTerm]:
    """Return up to `most` words of the workspace with this prefix and a length in `lengths`."""
    beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    rows = await db.fetch(_NEIGHBORS, workspace_id, prefix, beyond, lengths.start, lengths.stop - 1, most)
    return [SearchTerm(prefix, row["term"], row["chunks"]) for row in rows]


async def rank_chunks(
    db: Connection, workspace_id: UUID, wanted: str, terms: Sequence[tuple[str, float]], most: int, candidates: int
) -> list[ChunkRank]:
    """Return the best chunks that match `wanted`, a tsquery.

    Args:
        terms: A tsquery and a weight for each word.
    """
    queries, weights = [query for query, _ in terms], [weight for _, weight in terms]
    rows = await db.fetch(_RANK, workspace_id, wanted, queries, weights, most, candidates)
    return [ChunkRank(row["document_id"], row["number"], row["score"]) for row in rows]


async def select_passages(
    db: Connection, workspace_id: UUID, ranks: Sequence[ChunkRank], total_weight: float
) -> list[FoundPassage]:
    """Return the chunks in the order of their ranks.

    Args:
        total_weight: Weight of all words of the question. 0 for chunks that were not found by words.
    """
    rows = await db.fetch(
        _PASSAGES, workspace_id, [rank.document_id for rank in ranks], [rank.number for rank in ranks]
    )
    found: dict[tuple[UUID, int], Any] = {(row["document_id"], row["number"]): row for row in rows}
    return [
        FoundPassage(
            **found[rank.key], score=rank.score, share=min(1.0, rank.score / total_weight) if total_weight else 0.0
        )
        for rank in ranks
        if rank.key in found
    ]


def _tags(workspace_id: UUID, document_id: UUID) -> list[str]:
    return [workspace_lexeme(workspace_id), document_lexeme(document_id)]


# -- Vectors --

# Up to this number, chunks are compared one by one instead of by the index: 10,000 take 28 ms. With an index of 190,000
# vectors they took 55 ms, because most near chunks belong to other workspaces.
MOST_COMPARED: Final = 10_000
# How long a worker's claim of a document is valid. A run takes at most 78 s (`EmbeddingDuty` in tasks.py). The claim of
# a killed worker expires.
CLAIM: Final = timedelta(minutes=3)
# Claims documents for a worker until retry_at, because two workers would pay twice for the same vectors. Documents that
# are being deleted are left out.
_CLAIM_FOR_VECTORS: Final = """
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
_RELEASE_CLAIM: Final = """
    UPDATE knowledge_vectors.documents SET retry_at = $3
    WHERE document_id = $1 AND workspace_id = $2 AND NOT is_finished
"""
_TEXTS_WITHOUT_VECTORS: Final = """
    SELECT c.number, c.heading, c.text FROM knowledge_chunks c
    WHERE c.document_id = $1 AND c.workspace_id = $2 AND NOT EXISTS (
        SELECT FROM knowledge_vectors.chunks v
        WHERE v.document_id = c.document_id AND v.number = c.number AND v.model = $3
    )
    ORDER BY c.number LIMIT $4
"""
# Locks the document, so that its chunks are not replaced while their vectors are stored.
_CURRENT: Final = """
    SELECT EXISTS (
        SELECT FROM knowledge_documents
        WHERE id = $1 AND workspace_id = $2 AND revision = $3 AND status = 'ready' FOR SHARE
    )
"""
_INSERT_VECTORS: Final = """
    INSERT INTO knowledge_vectors.chunks (document_id, number, workspace_id, model, embedding)
    SELECT $1, n.number, $2, $3, n.embedding::halfvec(1024)
    FROM unnest($4::integer[], $5::text[]) AS n (number, embedding)
    ON CONFLICT (document_id, number) DO UPDATE SET model = excluded.model, embedding = excluded.embedding
"""
_FINISH_VECTORS: Final = """
    INSERT INTO knowledge_vectors.documents AS v (document_id, workspace_id, model, revision, is_finished)
    VALUES ($1, $2, $3, $4, true)
    ON CONFLICT (document_id) DO UPDATE
    SET model = excluded.model, revision = excluded.revision, is_finished = true, failures = 0, retry_at = NULL
"""
# The wait doubles after each failure, up to a day.
_POSTPONE_VECTORS: Final = """
    INSERT INTO knowledge_vectors.documents AS v
        (document_id, workspace_id, model, revision, is_finished, failures, retry_at)
    VALUES ($1, $2, $3, $4, false, 1, $5::timestamptz + interval '10 minutes')
    ON CONFLICT (document_id) DO UPDATE
    SET model = excluded.model, revision = excluded.revision, is_finished = false, failures = v.failures + 1,
        retry_at = $5::timestamptz + least(interval '10 minutes' * 2 ^ least(v.failures, 10), interval '1 day')
"""
# Documents of a deleted workspace are not sent to the embedder.
_DUE_FOR_VECTORS: Final = """
    SELECT id FROM (
        SELECT d.id, row_number() OVER (PARTITION BY d.workspace_id ORDER BY d.created_at, d.id) AS place
        FROM knowledge_documents d JOIN workspaces w ON w.id = d.workspace_id
        LEFT JOIN knowledge_vectors.documents v ON v.document_id = d.id
        WHERE d.status = 'ready' AND d.chunk_count > 0 AND w.deleted_at IS NULL
          AND (v.document_id IS NULL OR v.model <> $1 OR v.revision <> d.revision
               OR (NOT v.is_finished AND v.retry_at <= $2))
    ) due ORDER BY place, id LIMIT $3
"""


@dataclass(frozen=True, slots=True)
class DueDocument:
    """A document that lacks some of its vectors."""

    id: UUID
    workspace_id: UUID
    revision: int


@dataclass(frozen=True, slots=True)
class ChunkText:
    """A chunk that lacks its vector."""

    number: int
    heading: str
    text: str


async def prepare_vectors(db: Connection) -> bool:
    """Create the vector tables if the extension is available. Return whether the tables exist."""
    is_ready: bool = await db.fetchval("SELECT prepare_knowledge_vectors()")
    return is_ready


async def has_vectors(db: Connection) -> bool:
    """Return whether the vector tables exist."""
    is_ready: bool = await db.fetchval("SELECT to_regclass('knowledge_vectors.chunks') IS NOT NULL")
    return is_ready


async def select_due_for_vectors(db: Connection, space: str, now: datetime, most: int) -> list[UUID]:
    """Return documents that lack vectors of this space (EmbedderPolicy.space), in turn from each workspace.

    Requires platform scope.
    """
    return [row["id"] for row in await db.fetch(_DUE_FOR_VECTORS, space, now, most)]


async def claim_for_vectors(
    db: Connection, document_ids: Collection[UUID], space: str, now: datetime
) -> list[DueDocument]:
    """Claim those of these documents that still lack vectors of this space and are not claimed by another worker.

    Requires platform scope.
    """
    rows = await db.fetch(_CLAIM_FOR_VECTORS, space, now, list(document_ids), CLAIM)
    return [DueDocument(**row) for row in rows]


async def release_claim(db: Connection, document: DueDocument, now: datetime) -> None:
    """End the claim of a document that still lacks vectors. The document is due again from `now` on."""
    await db.execute(_RELEASE_CLAIM, document.id, document.workspace_id, now)


async def select_texts_without_vectors(db: Connection, document: DueDocument, space: str, most: int) -> list[ChunkText]:
    """Return the document's first chunks that lack a vector of this space (EmbedderPolicy.space)."""
    rows = await db.fetch(_TEXTS_WITHOUT_VECTORS, document.id, document.workspace_id, space, most)
    return [ChunkText(**row) for row in rows]


async def insert_vectors(
    db: Connection, document: DueDocument, space: str, numbers: Sequence[int], vectors: Sequence[Sequence[float]]
) -> bool:
    """Store vectors of chunks. Return False and store nothing if the document was indexed again or deleted
    meanwhile."""
    if not await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        return False
    texts = [f"[{','.join(map(repr, vector))}]" for vector in vectors]
    await db.execute(_INSERT_VECTORS, document.id, document.workspace_id, space, list(numbers), texts)
    return True


async def finish_vectors(db: Connection, document: DueDocument, space: str) -> None:
    """Store that the document has all its vectors."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_FINISH_VECTORS, document.id, document.workspace_id, space, document.revision)


async def postpone_vectors(db: Connection, document: DueDocument, space: str, now: datetime) -> None:
    """Store that the embedder refused the document's text. The text is retried later, without limit."""
    if await db.fetchval(_CURRENT, document.id, document.workspace_id, document.revision):
        await db.execute(_POSTPONE_VECTORS, document.id, document.workspace_id, space, document.revision, now)


async def rank_nearest(
    db: Connection, workspace_id: UUID, vector: Sequence[float], space: str, documents: Collection[UUID], most: int
) -> list[ChunkRank]:
    """Return the chunks nearest to a question's vector, best first. The score is the cosine similarity.

    Args:
        documents: Restricts the search to these documents. Empty: all documents.
    """
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
