"""SQL of knowledge_chunks and knowledge_terms. The workspace is locked while either is written (`lock_workspace`)."""

from collections.abc import Sequence
from typing import Any, Final
from uuid import UUID

from control.db.pool import Connection
from control.knowledge.languages import configuration_of
from control.knowledge.model import DocumentChunk, FoundPassage, KnowledgeDocument
from control.knowledge.search_query import ChunkRank, SearchTerm, WordForm, document_lexeme, workspace_lexeme

# Chunks of one statement: 500 take 0.5 s, and a statement has 10 s.
_BATCH: Final = 500
# Headings weigh more than text (A and D of setweight). The two lexemes of the scope stand without positions.
_INSERT: Final = """
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
_COUNT: Final = (
    "SELECT coalesce(sum(chunk_count), 0)::integer FROM knowledge_documents WHERE workspace_id = $1 AND id <> $2"
)
# Each word of a question as each configuration stems it, with the number of chunks that have it; no term: a stop word.
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
_NEIGHBOURS: Final = """
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
    """Puts these in place of the document's chunks."""
    await delete_chunks(db, document.workspace_id, document.id)
    tags = _tags(document.workspace_id, document.id)
    for first in range(0, len(chunks), _BATCH):
        batch = chunks[first : first + _BATCH]
        await db.execute(
            _INSERT,
            document.id,
            document.workspace_id,
            configuration_of(document.language),
            tags,
            [one.number for one in batch],
            [one.page for one in batch],
            [one.heading for one in batch],
            [one.text for one in batch],
        )
    await db.execute(_ADD_TERMS, document.id, document.workspace_id, tags)


async def delete_chunks(db: Connection, workspace_id: UUID, document_id: UUID) -> None:
    """Deletes a document's chunks, and takes its words out of the counts."""
    await db.execute(_TAKE_TERMS, document_id, workspace_id, _tags(workspace_id, document_id))
    await db.execute("DELETE FROM knowledge_terms WHERE workspace_id = $1 AND chunks <= 0", workspace_id)
    await db.execute("DELETE FROM knowledge_chunks WHERE document_id = $1", document_id)


async def count_chunks(db: Connection, workspace_id: UUID, *, but: UUID) -> int:
    """How many chunks a workspace has, without those of document `but`."""
    count: int = await db.fetchval(_COUNT, workspace_id, but)
    return count


async def select_languages(db: Connection, workspace_id: UUID) -> dict[str, int]:
    """The languages of documents that can be searched, with the number of their chunks."""
    return {row["language"]: row["chunks"] for row in await db.fetch(_LANGUAGES, workspace_id)}


async def select_terms(
    db: Connection, workspace_id: UUID, configurations: Sequence[str], words: Sequence[str]
) -> list[WordForm]:
    """The words as each configuration stems them."""
    rows = await db.fetch(_SEARCHED, workspace_id, list(configurations), list(words))
    return [WordForm(row["word"], row["term"], row["chunks"]) for row in rows]


async def select_neighbours(
    db: Connection, workspace_id: UUID, prefix: str, lengths: range, most: int
) -> list[SearchTerm]:
    """Up to `most` words of the workspace that begin like this and have such a length."""
    beyond = prefix[:-1] + chr(ord(prefix[-1]) + 1)
    rows = await db.fetch(_NEIGHBOURS, workspace_id, prefix, beyond, lengths.start, lengths.stop - 1, most)
    return [SearchTerm(prefix, row["term"], row["chunks"]) for row in rows]


async def rank_chunks(
    db: Connection, workspace_id: UUID, wanted: str, terms: Sequence[tuple[str, float]], most: int, candidates: int
) -> list[ChunkRank]:
    """The best chunks that match `wanted`, a tsquery. terms: a tsquery of each word, and its weight."""
    queries, weights = [query for query, _ in terms], [weight for _, weight in terms]
    rows = await db.fetch(_RANK, workspace_id, wanted, queries, weights, most, candidates)
    return [ChunkRank(row["document_id"], row["number"], row["score"]) for row in rows]


async def select_passages(
    db: Connection, workspace_id: UUID, ranks: Sequence[ChunkRank], total_weight: float
) -> list[FoundPassage]:
    """The chunks in the order of their ranks. total_weight: of all words of the question; 0 for
    chunks that were not found by words."""
    rows = await db.fetch(_PASSAGES, workspace_id, [one.document_id for one in ranks], [one.number for one in ranks])
    found: dict[tuple[UUID, int], Any] = {(row["document_id"], row["number"]): row for row in rows}
    return [
        FoundPassage(
            **found[one.key], score=one.score, share=min(1.0, one.score / total_weight) if total_weight else 0.0
        )
        for one in ranks
        if one.key in found
    ]


def _tags(workspace_id: UUID, document_id: UUID) -> list[str]:
    return [workspace_lexeme(workspace_id), document_lexeme(document_id)]
