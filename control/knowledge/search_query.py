"""Selects and weighs the words of a question, builds the search query, and combines rankings. Pure functions."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

# PostgreSQL's text search configurations by primary language tag: all that ship since version 14 (PostgreSQL
# documentation, section 12.6.6, Snowball Dictionary).
_CONFIGURATIONS: Final[Mapping[str, str]] = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch",
    "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def configuration_of(language: str) -> str:
    """Return the configuration that stems this language (BCP 47). Return `simple`, which does not stem, for other
    languages.
    """
    return _CONFIGURATIONS.get(language.partition("-")[0].lower(), "simple")


# Maximum number of chunks that a search ranks. Each is read from its own page, in about 20 µs from memory.
MOST_CANDIDATES: Final = 500
# If all words are in more chunks than MOST_CANDIDATES, a chunk must contain this many of the rarest words.
MOST_TOGETHER: Final = 3
# Maximum number of words that are read from a question, and maximum number of the rarest words that are searched.
MOST_WORDS: Final = 60
MOST_TERMS: Final = 24
# Word lengths for which similar words are searched. Shorter words have too many neighbors, and longer words take too
# long to compare.
SHORTEST_SIMILAR: Final = 4
LONGEST_SIMILAR: Final = 40
# A similar word has less weight than the original word.
SIMILAR_FACTOR: Final = 0.6
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class WordForm:
    """A word of a question as stemmed in a language.

    Attributes:
        term: None for a stop word.
        chunks: Number of chunks that contain the term.
    """

    word: str
    term: str | None
    chunks: int


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A stemmed word to search.

    Attributes:
        word: The word as it was said.
        chunks: Number of chunks in the workspace that contain the word.
        factor: Factor of the word's weight.
    """

    word: str
    text: str
    chunks: int
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class ChunkRank:
    """A chunk that was found, with its score."""

    document_id: UUID
    number: int
    score: float

    @property
    def key(self) -> tuple[UUID, int]:
        """Key of the chunk."""
        return self.document_id, self.number


@dataclass(frozen=True, slots=True)
class ChunkQuery:
    """The queries of a search.

    Attributes:
        sample: tsquery for a sample of the documents, used if it finds enough. Empty for none.
        attempts: Further queries. The first query with a result is used.
        terms: The tsquery of each word, with its weight.
        total_weight: Weight of all words of the question, including words without a match.
    """

    sample: str
    attempts: tuple[str, ...]
    terms: tuple[tuple[str, float], ...]
    total_weight: float


def workspace_lexeme(workspace_id: UUID) -> str:
    """Return the lexeme that each chunk of a workspace contains. Words of a text never contain a colon."""
    return f"w:{workspace_id.hex}"


def document_lexeme(document_id: UUID) -> str:
    """Return the lexeme that each chunk of a document contains."""
    return f"d:{document_id.hex}"


def split_question(question: str) -> list[str]:
    """Return the distinct words of a question."""
    return list(dict.fromkeys(_WORD.findall(question.lower())))[:MOST_WORDS]


def choose_terms(forms: Iterable[WordForm]) -> list[SearchTerm]:
    """Return the forms of each word to search.

    Forms that occur in chunks are preferred. A word without a match has a single form, unless it is a stop word in one
    of the languages.
    """
    by_word: dict[str, list[WordForm]] = {}
    for form in forms:
        by_word.setdefault(form.word, []).append(form)
    chosen: dict[str, SearchTerm] = {}
    for word, all_forms in by_word.items():
        named = [form for form in all_forms if form.chunks > 0]
        if not named and all(form.term is not None for form in all_forms):
            named = all_forms[:1]
        for form in named:
            if form.term is not None:
                chosen.setdefault(form.term, SearchTerm(word, form.term, form.chunks))
    return list(chosen.values())


def sample_size(terms: Iterable[SearchTerm], total: int) -> int:
    """Return how many of a workspace's chunks to sample, or 0 to search all.

    If all words are frequent, a sample of this size has about MOST_CANDIDATES chunks with the rarest words. At most
    this many are ranked in any case, and finding 30,000 candidates took 12 of 15 ms (100,000 chunks, each word in a
    third of them). The result is 0 if the index finds the words quickly, or if most chunks would be searched anyway.

    Args:
        total: Number of chunks in the workspace.
    """
    known = _known(terms)
    if not known or _rarest(known):
        return 0
    share = math.prod(min(term.chunks / max(total, 1), 1.0) for term in known[:MOST_TOGETHER])
    size = math.ceil(MOST_CANDIDATES / share)
    return size if size <= total // 2 else 0


def make_query(
    terms: Iterable[SearchTerm],
    total: int,
    workspace_id: UUID,
    documents: Collection[UUID],
    sample: Collection[UUID] = (),
) -> ChunkQuery | None:
    """Return the query for the words of a question, or None if no word has a match.

    Only chunks with one of the rarest words are ranked, which are few enough to rank quickly. Words are counted over
    all documents, so the rarest may not occur in `documents`. Then any word is searched in these documents.

    Args:
        total: Number of chunks in the workspace.
        documents: Documents to search. Empty: all documents.
        sample: Documents with `sample_size` chunks.
    """
    terms = list(terms)
    known = _known(terms)
    if not known:
        return None
    scope, rare = _scope(workspace_id, documents), _rarest(known)
    every = " & ".join(_quote(term.text) for term in known[:MOST_TOGETHER])
    some = " | ".join(_quote(term.text) for term in rare or known[:1])
    attempts = [f"{scope} & ({some})"] if rare else [f"{scope} & ({every})", f"{scope} & ({some})"]
    if documents and known != rare:
        attempts.append(f"{scope} & ({' | '.join(_quote(term.text) for term in known)})")
    weighed = tuple((_quote(term.text), term.factor * _weigh(term.chunks, total)) for term in known)
    some_documents = f"{_scope(workspace_id, sample)} & ({every})" if sample and not rare else ""
    return ChunkQuery(some_documents, tuple(attempts), weighed, _total_weight(terms, total))


def find_similar(term: SearchTerm, candidates: Sequence[SearchTerm]) -> SearchTerm | None:
    """Return the candidate that differs least from a possibly misheard word, or None.

    A candidate may differ by one letter, or by two if the word has at least seven letters. Two swapped neighbors count
    as one difference. Among equally similar candidates, the most frequent is returned.
    """
    most, letters = most_differing(term.text), set(term.text)
    # Each differing letter adds at most two to the set difference, which costs a hundredth of computing the distance.
    near_by = [candidate for candidate in candidates if len(letters ^ set(candidate.text)) <= 2 * most]
    rated = [(_distance(term.text, word.text, most), -word.chunks, word) for word in near_by]
    near = min(rated, key=lambda rating: rating[:2], default=None)
    if near is None or near[0] > most:
        return None
    return SearchTerm(term.word, near[2].text, near[2].chunks, SIMILAR_FACTOR)


def most_differing(word: str) -> int:
    """Return by how many letters a similar word may differ."""
    return 2 if len(word) >= 7 else 1


def _known(terms: Iterable[SearchTerm]) -> list[SearchTerm]:
    """Return up to MOST_TERMS words that have a match, rarest first."""
    return sorted((term for term in terms if term.chunks > 0), key=lambda term: (term.chunks, term.text))[:MOST_TERMS]


def _rarest(known: Sequence[SearchTerm]) -> list[SearchTerm]:
    """Return the rarest words that together have at most MOST_CANDIDATES chunks."""
    taken, left = list[SearchTerm](), MOST_CANDIDATES
    for term in known:
        left -= term.chunks
        if left < 0:
            break
        taken.append(term)
    return taken


def _total_weight(terms: Iterable[SearchTerm], total: int) -> float:
    """Return the weight of all words. A word with several forms counts once, and a replaced word counts like a known
    word.
    """
    by_word: dict[str, float] = {}
    for term in terms:
        by_word[term.word] = max(by_word.get(term.word, 0.0), _weigh(term.chunks, total))
    return sum(by_word.values())


def _weigh(chunks: int, total: int) -> float:
    """Return the weight of a word.

    A word in no chunk weighs as much as a word in one chunk. Otherwise a single unknown word would outweigh the others.
    """
    chunks = max(chunks, 1)
    return math.log(1 + (max(total, chunks) - chunks + 0.5) / (chunks + 0.5))


def _scope(workspace_id: UUID, documents: Collection[UUID]) -> str:
    only = " | ".join(_quote(document_lexeme(document_id)) for document_id in documents)
    return f"{_quote(workspace_lexeme(workspace_id))}" + (f" & ({only})" if only else "")


def _quote(lexeme: str) -> str:
    """Quote a lexeme for a tsquery by doubling quotes and backslashes (PostgreSQL documentation, section 8.11.2)."""
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _distance(word: str, other: str, most: int) -> int:
    """Return the Damerau-Levenshtein distance of two words (Damerau 1964), or `most` + 1 if it exceeds `most`.

    Only cells near the diagonal are computed (Ukkonen 1985). Computing all cells for 1,000 words of 100 letters took 2
    s.
    """
    before, last = list[int](), list(range(len(other) + 1))
    for row, char in enumerate(word, 1):
        line = [row, *[most + 1] * len(other)]
        for column in range(max(1, row - most), min(len(other), row + most) + 1):
            against = other[column - 1]
            cost = min(last[column] + 1, line[column - 1] + 1, last[column - 1] + (char != against))
            if row > 1 and column > 1 and char == other[column - 2] and word[row - 2] == against:
                cost = min(cost, before[column - 2] + 1)
            line[column] = cost
        if min(line) > most and min(last) > most:
            break
        before, last = last, line
    return min(last[-1], most + 1)


RANK_OFFSET: Final = 60
K = TypeVar("K", bound=Hashable)


def fuse_ranks(rankings: Sequence[Sequence[K]]) -> list[tuple[K, float]]:
    """Combine rankings whose scores are not comparable. Return all entries with their scores, best first.

    Uses reciprocal rank fusion (Cormack, Clarke, Büttcher 2009, SIGIR): a rank adds 1 / (60 + rank) in each ranking.
    Ties are resolved in favor of the earlier ranking.
    """
    scores: defaultdict[K, float] = defaultdict(float)
    for ranking in rankings:
        for place, key in enumerate(dict.fromkeys(ranking), 1):
            scores[key] += 1 / (RANK_OFFSET + place)
    return sorted(scores.items(), key=lambda entry: -entry[1])
