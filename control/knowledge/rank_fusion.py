"""Joins rankings whose scores cannot be compared. Pure.

Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009, SIGIR): a place counts 1 / (60 + place), summed over all."""

from collections import defaultdict
from collections.abc import Hashable, Sequence
from typing import Final, TypeVar

RANK_OFFSET: Final = 60
K = TypeVar("K", bound=Hashable)


def fuse_ranks(rankings: Sequence[Sequence[K]]) -> list[tuple[K, float]]:
    """All entries with their scores, best first. Of equals, the one that an earlier ranking has first."""
    scores: defaultdict[K, float] = defaultdict(float)
    for ranking in rankings:
        for place, key in enumerate(dict.fromkeys(ranking), 1):
            scores[key] += 1 / (RANK_OFFSET + place)
    return sorted(scores.items(), key=lambda entry: -entry[1])
