"""Which words of a question are searched, with which weights, and how rankings are joined. Pure functions."""

import math
import re
from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar
from uuid import UUID

# PostgreSQL's text search configurations by the first part of the BCP 47 tag: all that ship since version 14 (its
# documentation: 12.6.6, Snowball Dictionary).
_CONFIGURATIONS: Final[Mapping[str, str]] = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch",
    "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def configuration_of(language: str) -> str:
    """Returns the configuration that stems this language (BCP 47); `simple`, which does not stem, for others."""
    return _CONFIGURATIONS.get(language.partition("-")[0].lower(), "simple")


# Chunks that one search ranks at most: each is read from a page of its own, about 20 µs from memory.
MOST_CANDIDATES: Final = 500
# Where every word is in more chunks than that, so many of the rarest have to be in a chunk together.
MOST_TOGETHER: Final = 3
# Words of a question that are read, and of these that are searched: the rarest ones.
MOST_WORDS: Final = 60
MOST_TERMS: Final = 24
# Of a word in no chunk, another one is searched that is so similar; shorter words have too many neighbors, and longer
# ones take too long to compare.
SHORTEST_SIMILAR: Final = 4
LONGEST_SIMILAR: Final = 40
# A similar word counts for less than the word itself.
SIMILAR_FACTOR: Final = 0.6
_WORD: Final = re.compile(r"[^\W_]+(?:['\u2019.-][^\W_]+)*")


@dataclass(frozen=True, slots=True)
class WordForm:
    """A word of a question as one language stems it.

    Attributes:
        term: None for a stop word.
        chunks: That have it.
    """

    word: str
    term: str | None
    chunks: int


@dataclass(frozen=True, slots=True)
class SearchTerm:
    """A stemmed word to search.

    Attributes:
        word: As it was said.
        chunks: How many chunks of the workspace have it.
        factor: Of its weight.
    """

    word: str
    text: str
    chunks: int
    factor: float = 1.0


@dataclass(frozen=True, slots=True)
class ChunkRank:
    """A chunk that was found."""

    document_id: UUID
    number: int
    score: float

    @property
    def key(self) -> tuple[UUID, int]:
        """Identifies the chunk."""
        return self.document_id, self.number


@dataclass(frozen=True, slots=True)
class ChunkQuery:
    """The queries of a search.

    Attributes:
        sample: A query (tsquery) of some documents, which is used if it finds enough; empty for none.
        attempts: Further queries. The first with a result is used.
        terms: The tsquery of each word, with its weight.
        total_weight: Weight of all words of the question, including words that no chunk has.
    """

    sample: str
    attempts: tuple[str, ...]
    terms: tuple[tuple[str, float], ...]
    total_weight: float


def workspace_lexeme(workspace_id: UUID) -> str:
    """Is in each chunk of a workspace. No word of a text has a colon."""
    return f"w:{workspace_id.hex}"


def document_lexeme(document_id: UUID) -> str:
    """Is in each chunk of a document."""
    return f"d:{document_id.hex}"


def split_question(question: str) -> list[str]:
    """Returns the words of a question, each once."""
    return list(dict.fromkeys(_WORD.findall(question.lower())))[:MOST_WORDS]


def choose_terms(forms: Iterable[WordForm]) -> list[SearchTerm]:
    """What is searched for each word: its forms that are in some chunk; else one form with no chunks, unless the word
    is a stop word in one of the languages."""
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
    """In how many of a workspace's `total` chunks about MOST_CANDIDATES with the rarest words are, where all words are
    frequent; 0: the index finds them quickly, or most chunks would have to be searched. No more are ranked in any case,
    and to find 30,000 first took 12 of 15 ms (100,000 chunks, each word in a third of them)."""
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
    """Returns the query for the words of a question; None where none is known.

    Only chunks with one of the rarest words are ranked: they are so few that ranking all of them is quick. Words are
    counted in all documents, so the rarest may be in none of `documents`: then any word is searched in these.

    Args:
        total: Chunks of the workspace.
        documents: Only in these; empty: in all.
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
    """In place of a word that may have been misheard, the one among the candidates that differs least: by one letter,
    or by two from seven letters on (two neighbors swapped count as one); the more frequent one of equals. None if all
    differ more."""
    most, letters = most_differing(term.text), set(term.text)
    # Each letter that differs adds two to this difference at most; it costs a hundredth of the distance.
    near_by = [candidate for candidate in candidates if len(letters ^ set(candidate.text)) <= 2 * most]
    rated = [(_distance(term.text, word.text, most), -word.chunks, word) for word in near_by]
    near = min(rated, key=lambda rating: rating[:2], default=None)
    if near is None or near[0] > most:
        return None
    return SearchTerm(term.word, near[2].text, near[2].chunks, SIMILAR_FACTOR)


def most_differing(word: str) -> int:
    """In how many letters a similar word may differ, and so in its length."""
    return 2 if len(word) >= 7 else 1


def _known(terms: Iterable[SearchTerm]) -> list[SearchTerm]:
    """Those in some chunk, the rarest first, MOST_TERMS at most."""
    return sorted((term for term in terms if term.chunks > 0), key=lambda term: (term.chunks, term.text))[:MOST_TERMS]


def _rarest(known: Sequence[SearchTerm]) -> list[SearchTerm]:
    """As many of the rarest words as are in MOST_CANDIDATES chunks together."""
    taken, left = list[SearchTerm](), MOST_CANDIDATES
    for term in known:
        left -= term.chunks
        if left < 0:
            break
        taken.append(term)
    return taken


def _total_weight(terms: Iterable[SearchTerm], total: int) -> float:
    """Returns the weight of all words. A word with several forms counts once, and a replaced word counts as if it were
    known."""
    by_word: dict[str, float] = {}
    for term in terms:
        by_word[term.word] = max(by_word.get(term.word, 0.0), _weigh(term.chunks, total))
    return sum(by_word.values())


def _weigh(chunks: int, total: int) -> float:
    """Returns a word that is in no chunk weighs as one that is in one: else a single unknown word would outweigh
    the others."""
    chunks = max(chunks, 1)
    return math.log(1 + (max(total, chunks) - chunks + 0.5) / (chunks + 0.5))


def _scope(workspace_id: UUID, documents: Collection[UUID]) -> str:
    only = " | ".join(_quote(document_lexeme(document_id)) for document_id in documents)
    return f"{_quote(workspace_lexeme(workspace_id))}" + (f" & ({only})" if only else "")


def _quote(lexeme: str) -> str:
    """Returns a lexeme in a tsquery (PostgreSQL, 8.11.2): quotes and backslashes are doubled."""
    doubled = lexeme.replace("\\", "\\\\").replace("'", "''")
    return f"'{doubled}'"


def _distance(word: str, other: str, most: int) -> int:
    """Insertions, deletions, replacements and swaps of neighbors between two words (Damerau 1964); `most` + 1 for more
    than `most`. Only cells so near the diagonal are computed (Ukkonen 1985): all cells of 1,000 words of 100 letters
    took 2 s."""
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
    """Joins rankings whose scores cannot be compared: all entries with their scores, best first.

    Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009, SIGIR): a place counts 1 / (60 + place), summed over all
    rankings. Among equal entries, the first of an earlier ranking comes first."""
    scores: defaultdict[K, float] = defaultdict(float)
    for ranking in rankings:
        for place, key in enumerate(dict.fromkeys(ranking), 1):
            scores[key] += 1 / (RANK_OFFSET + place)
    return sorted(scores.items(), key=lambda entry: -entry[1])
