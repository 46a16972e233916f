"""Search of a workspace's documents by full text."""

from collections.abc import Collection, Iterable
from typing import Final
from uuid import UUID

from control.db.pool import Connection
from control.knowledge import store, store_chunks
from control.knowledge.languages import configuration_of
from control.knowledge.model import FoundPassage
from control.knowledge.search_query import (
    LONGEST_SIMILAR,
    MOST_CANDIDATES,
    SHORTEST_SIMILAR,
    ChunkQuery,
    ChunkRank,
    SearchTerm,
    choose_terms,
    find_similar,
    make_query,
    most_differing,
    sample_size,
    split_question,
)

# Characters of a question that are read.
LONGEST_QUESTION: Final = 500
# Words in no chunk for which a similar one is looked for.
_MOST_SIMILAR: Final = 4
_PREFIX: Final = 2
_MOST_NEIGHBOURS: Final = 1_000
# Documents in which words are searched that are in very many chunks.
_MOST_SAMPLED: Final = 200
# The least share of a question's weight that a passage must have: one of three equally rare words.
_LEAST_SHARE: Final = 0.3


async def search_documents(
    db: Connection, workspace_id: UUID, question: str, *, documents: Collection[UUID] = (), most: int = 4
) -> list[FoundPassage]:
    """Up to `most` passages that answer a question best. documents: only of these; empty: of all. A deleted document is
    never among them. Words are compared as the documents' languages stem them; for a word that is in none, a similar
    one is searched, because callers' words are misheard."""
    languages = await store_chunks.select_languages(db, workspace_id)
    configurations = sorted({configuration_of(one) for one in languages})
    words = split_question(question[:LONGEST_QUESTION])
    if not configurations or not words:
        return []
    terms = choose_terms(await store_chunks.select_terms(db, workspace_id, configurations, words))
    terms = await _with_similar(db, workspace_id, terms)
    total = sum(languages.values())
    size = sample_size(terms, total)
    sample = await store.select_newest(db, workspace_id, documents, size, _MOST_SAMPLED) if size else []
    query = make_query(terms, total, workspace_id, documents, sample)
    if query is None:
        return []
    ranks = await _rank(db, workspace_id, query, most)
    passages = await store_chunks.select_passages(db, workspace_id, ranks, query.total_weight)
    return [one for one in passages if one.share >= _LEAST_SHARE]


async def _rank(db: Connection, workspace_id: UUID, query: ChunkQuery, most: int) -> list[ChunkRank]:
    if query.sample:
        ranks = await store_chunks.rank_chunks(db, workspace_id, query.sample, query.terms, most, MOST_CANDIDATES)
        if len(ranks) >= most:
            return ranks
    for wanted in query.attempts:
        ranks = await store_chunks.rank_chunks(db, workspace_id, wanted, query.terms, most, MOST_CANDIDATES)
        if ranks:
            return ranks
    return []


async def _with_similar(db: Connection, workspace_id: UUID, terms: Iterable[SearchTerm]) -> list[SearchTerm]:
    """The words, and in place of some that are in no chunk a similar one."""
    found, left = list[SearchTerm](), _MOST_SIMILAR
    for term in terms:
        similar = None
        if term.chunks == 0 and SHORTEST_SIMILAR <= len(term.text) <= LONGEST_SIMILAR and left > 0:
            left -= 1
            size, most = len(term.text), most_differing(term.text)
            lengths = range(size - most, size + most + 1)
            near = await store_chunks.select_neighbours(
                db, workspace_id, term.text[:_PREFIX], lengths, _MOST_NEIGHBOURS
            )
            similar = find_similar(term, near)
        found.append(similar or term)
    return found
