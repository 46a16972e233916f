"""Finds the fact that answers a question: stems and shared meanings, rare words weigh more (IDF), with a threshold."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from media.providers.receptionist.facts import Fact
from media.providers.receptionist.lexicon import CONCEPTS_OF, STOP_WORDS, WEEKDAYS
from media.providers.receptionist.text import nearest, stem, words

# How well a word is met: by itself, by another of the same meaning, by one that it nearly is.
SAME_MEANING: Final = 0.8
NEARLY: Final = 0.7
# A word of the question that no fact knows weighs this much of a rare one: callers use many words.
UNKNOWN: Final = 0.6
# The share of the question's weight that a fact must meet, if it was asked as a question, and if it was not.
ASKED: Final = 0.34
TOLD: Final = 0.5
# A second fact is added when it meets this share of the question that the first one does not.
SECOND: Final = 0.3
# Words of the question before, for one that leans on it ("and on Sunday?").
CONTEXT: Final = 0.6

# The day that is asked for matters more than the hour, "where" less than what is looked for, and pain most of all.
_EMPHASIS: Final = (
    dict.fromkeys(WEEKDAYS, 2.0)
    | {"where": 0.6, "when": 0.6, "time": 0.6}
    | {word: 2.0 for word, concepts in CONCEPTS_OF.items() if "#emergency" in concepts}
)
# "24 hours before" tells nothing about opening hours.
_DURATION: Final = re.compile(
    r"\b(?:\d+|an|one|two|three|four|twelve|twenty[ -]four|forty[ -]eight)[ -](?:hours?|times?)\b"
)
_DAY: Final = f"({'|'.join(WEEKDAYS)})"
_DAYS: Final = re.compile(rf"{_DAY}s?\s*(?:to|through|thru|till|until|[-\u2013])\s*{_DAY}")


@dataclass(frozen=True, slots=True)
class Found:
    """The facts that answer, at most two, and the share of the question's weight that the best one meets."""

    facts: tuple[Fact, ...] = ()
    share: float = 0.0


class Index:
    """The facts of one agent, ready to be searched. Immutable once made, so that all calls share it."""

    def __init__(self, facts: Sequence[Fact]) -> None:
        self._facts = facts
        self._terms = [_fact_terms(fact.about) for fact in facts]
        counts = Counter(term for terms in self._terms for term in terms)
        self._idf = {term: math.log(1 + len(facts) / count) for term, count in counts.items()}
        self._rarest = math.log(1 + len(facts)) if facts else 1.0
        self._stems = tuple(sorted(term for term in counts if not term.startswith("#")))
        self._meanings = tuple(word for word, concepts in CONCEPTS_OF.items() if not counts.keys().isdisjoint(concepts))

    def search(
        self, question: Sequence[str], context: Sequence[str] = (), *, asked: bool = True, double: bool = False
    ) -> Found:
        """Looks up the words of a question.

        context: the words of the question before, if this one leans on it. asked: it is put as a question, so that
        less has to agree. double: it asks for two things, so that a second fact may be added.
        """
        weighted = self._weigh(question, 1.0) | self._weigh(set(context) - set(question), CONTEXT)
        total = sum(weight for weight, _ in weighted.values())
        if not total:
            return Found()
        first, met = self._best(weighted)
        share = self._worth(weighted, met) / total
        if share < (ASKED if asked else TOLD):
            return Found(share=share)
        left = {word: term for word, term in weighted.items() if word not in met} if double else {}
        second, also = self._best(left)
        more = second != first and self._worth(left, also) / total >= SECOND
        return Found((self._facts[first], self._facts[second]) if more else (self._facts[first],), share)

    def _weigh(self, question: Iterable[str], scale: float) -> dict[str, tuple[float, dict[str, float]]]:
        """Each word that tells something, with its weight and the terms that meet it, by how well they do."""
        weighted = {}
        for word in dict.fromkeys(question):
            if word not in STOP_WORDS:
                meets = self._meets(word)
                weight = max((self._idf[term] for term in meets), default=UNKNOWN * self._rarest)
                weighted[word] = (weight * scale * _EMPHASIS.get(word, 1.0), meets)
        return weighted

    def _meets(self, word: str) -> dict[str, float]:
        meets = dict.fromkeys(CONCEPTS_OF.get(word, ()), SAME_MEANING) | {stem(word): 1.0}
        known = {term: quality for term, quality in meets.items() if term in self._idf}
        return known or self._nearly_meets(word)

    def _nearly_meets(self, word: str) -> dict[str, float]:
        """For a word that no fact knows: what it may have been before the recogniser heard it."""
        if near := nearest(stem(word), self._stems):
            return {near: NEARLY}
        concepts = CONCEPTS_OF.get(nearest(word, self._meanings), ())
        return {concept: NEARLY * SAME_MEANING for concept in concepts if concept in self._idf}

    def _best(self, weighted: dict[str, tuple[float, dict[str, float]]]) -> tuple[int, dict[str, float]]:
        """The fact that meets most (the earlier of equals), and how well it meets each word that it meets."""
        best, best_met, best_worth = 0, {}, -1.0
        for index, terms in enumerate(self._terms):
            met = {
                word: max(quality for term, quality in meets.items() if term in terms)
                for word, (_, meets) in weighted.items()
                if not terms.isdisjoint(meets)
            }
            worth = self._worth(weighted, met)
            if worth > best_worth + 1e-9:
                best, best_met, best_worth = index, met, worth
        return best, best_met

    def _worth(self, weighted: dict[str, tuple[float, dict[str, float]]], met: dict[str, float]) -> float:
        return sum(weighted[word][0] * quality for word, quality in met.items())


def telling(question: Iterable[str]) -> tuple[str, ...]:
    """The words that a search goes by."""
    return tuple(word for word in dict.fromkeys(question) if word not in STOP_WORDS)


def _fact_terms(text: str) -> frozenset[str]:
    spoken = [word for word in words(_DURATION.sub(" ", text.lower())) if word not in STOP_WORDS]
    spoken += _days_between(text.lower())
    return frozenset(map(stem, spoken)).union(*(CONCEPTS_OF.get(word, ()) for word in spoken))


def _days_between(text: str) -> list[str]:
    """A fact about "Monday to Friday" is one about Tuesday, too."""
    days: list[str] = []
    for first, last in _DAYS.findall(text):
        start, end = WEEKDAYS.index(first), WEEKDAYS.index(last)
        days += WEEKDAYS[start : end + 1] if start <= end else (first, last)
    return days
