"""Finds the fact that answers a question by stems and concepts. Rare words weigh more (IDF), and a threshold
applies."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from media.providers.english import WEEKDAYS
from media.providers.receptionist.facts import Fact
from media.providers.receptionist.vocabulary import CONCEPTS_OF, STOP_WORDS
from media.providers.receptionist.word_forms import find_nearest, split_words, stem

# The quality of a match with a word of the same concept, and with a similar word (1 for the word itself).
SAME_MEANING: Final = 0.8
SIMILAR_WORD: Final = 0.7
# The weight of a question's word that occurs in no fact, as a share of the rarest word's weight, because callers use
# many words.
UNKNOWN_WEIGHT: Final = 0.6
# The minimum share of the weight that a fact must match, for a question and for a statement.
MIN_SHARE_QUESTION: Final = 0.34
MIN_SHARE_STATEMENT: Final = 0.5
# A second fact is added if it matches at least this share of the weight in words that the first fact does not match.
MIN_SHARE_SECOND: Final = 0.3
# The weight of the words of the previous question in a follow-up ("and on Sunday?").
CONTEXT_WEIGHT: Final = 0.6

# Weights: a weekday counts more than an hour, "where" counts less than the searched thing, and an emergency counts
# most.
_EMPHASIS: Final = (
    dict.fromkeys(WEEKDAYS, 2.0)
    | {"where": 0.6, "when": 0.6, "time": 0.6}
    | {word: 2.0 for word, concepts in CONCEPTS_OF.items() if "#emergency" in concepts}
)
# A duration such as "24 hours before" is not about opening hours.
_DURATION: Final = re.compile(
    r"\b(?:\d+|an|one|two|three|four|twelve|twenty[ -]four|forty[ -]eight)[ -](?:hours?|times?)\b"
)
_DAY: Final = f"({'|'.join(WEEKDAYS)})"
_DAYS: Final = re.compile(rf"{_DAY}s?\s*(?:to|through|thru|till|until|[-\u2013])\s*{_DAY}")


@dataclass(frozen=True, slots=True)
class FactMatch:
    """The result of a search.

    Attributes:
        facts: The facts that answer, at most two.
        share: The share of the question's weight that the best fact matches.
    """

    facts: tuple[Fact, ...] = ()
    share: float = 0.0


class FactIndex:
    """A search index of one agent's facts. Immutable and shared by all calls."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._terms = [_fact_terms(fact.search_text) for fact in facts]
        counts = Counter(term for terms in self._terms for term in terms)
        self._idf = {term: math.log(1 + len(facts) / count) for term, count in counts.items()}
        self._rarest = math.log(1 + len(facts)) if facts else 1.0
        self._stems = tuple(sorted(term for term in counts if not term.startswith("#")))
        self._meanings = tuple(word for word, concepts in CONCEPTS_OF.items() if not counts.keys().isdisjoint(concepts))

    def search(
        self,
        question: Sequence[str],
        context: Sequence[str] = (),
        *,
        is_question: bool = True,
        two_questions: bool = False,
    ) -> FactMatch:
        """Search the facts for the words of a question.

        Args:
            context: The words of the previous question, if this question is a follow-up.
            is_question: A lower share suffices.
            two_questions: The caller asks for two things, so a second fact may be added.
        """
        weighted = self._weigh(question, 1.0) | self._weigh(set(context) - set(question), CONTEXT_WEIGHT)
        total = sum(weight for weight, _ in weighted.values())
        if not total:
            return FactMatch()
        first, matched = self._best(weighted)
        share = self._score(weighted, matched) / total
        if share < (MIN_SHARE_QUESTION if is_question else MIN_SHARE_STATEMENT):
            return FactMatch(share=share)
        left = {word: term for word, term in weighted.items() if word not in matched} if two_questions else {}
        second, also = self._best(left)
        more = second != first and self._score(left, also) / total >= MIN_SHARE_SECOND
        return FactMatch((self._facts[first], self._facts[second]) if more else (self._facts[first],), share)

    def _weigh(self, question: Iterable[str], scale: float) -> dict[str, tuple[float, dict[str, float]]]:
        """Return each content word with its weight, and its matching terms with their quality."""
        weighted = {}
        for word in dict.fromkeys(question):
            if word not in STOP_WORDS:
                matching = self._match_terms(word)
                weight = max((self._idf[term] for term in matching), default=UNKNOWN_WEIGHT * self._rarest)
                weighted[word] = (weight * scale * _EMPHASIS.get(word, 1.0), matching)
        return weighted

    def _match_terms(self, word: str) -> dict[str, float]:
        matching = dict.fromkeys(CONCEPTS_OF.get(word, ()), SAME_MEANING) | {stem(word): 1.0}
        known = {term: quality for term, quality in matching.items() if term in self._idf}
        return known or self._match_similar(word)

    def _match_similar(self, word: str) -> dict[str, float]:
        """Return terms that are similar to a word in no fact, because the word may be misrecognized."""
        if near := find_nearest(stem(word), self._stems):
            return {near: SIMILAR_WORD}
        concepts = CONCEPTS_OF.get(find_nearest(word, self._meanings), ())
        return {concept: SIMILAR_WORD * SAME_MEANING for concept in concepts if concept in self._idf}

    def _best(self, weighted: dict[str, tuple[float, dict[str, float]]]) -> tuple[int, dict[str, float]]:
        """Return the index of the best fact (the first of equals), and the quality of each word that it matches."""
        best, best_matched, best_score = 0, {}, -1.0
        for index, terms in enumerate(self._terms):
            matched = {
                word: max(quality for term, quality in matching.items() if term in terms)
                for word, (_, matching) in weighted.items()
                if not terms.isdisjoint(matching)
            }
            score = self._score(weighted, matched)
            if score > best_score + 1e-9:
                best, best_matched, best_score = index, matched, score
        return best, best_matched

    def _score(self, weighted: dict[str, tuple[float, dict[str, float]]], matched: dict[str, float]) -> float:
        return sum(weighted[word][0] * quality for word, quality in matched.items())


def content_words(question: Iterable[str]) -> tuple[str, ...]:
    """Return the words of a question without stop words."""
    return tuple(word for word in dict.fromkeys(question) if word not in STOP_WORDS)


def _fact_terms(text: str) -> frozenset[str]:
    spoken = [word for word in split_words(_DURATION.sub(" ", text.lower())) if word not in STOP_WORDS]
    spoken += _days_between(text.lower())
    return frozenset(map(stem, spoken)).union(*(CONCEPTS_OF.get(word, ()) for word in spoken))


def _days_between(text: str) -> list[str]:
    """Return all days of a range, so that a fact about "Monday to Friday" matches Tuesday."""
    days: list[str] = []
    for first, last in _DAYS.findall(text):
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
        days += WEEKDAYS[start : end + 1] if start <= end else (first, last)
    return days
