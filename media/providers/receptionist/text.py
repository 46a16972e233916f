"""Words out of recognised text, tolerant of what a small recogniser on a phone line makes of them."""

import re
from collections.abc import Iterable
from typing import Final

from media.providers.receptionist.lexicon import SOUNDS_LIKE

_WORD: Final = re.compile(r"\w+(?:['-]\w+)*")
_JOINED: Final = (("a.m.", "am"), ("p.m.", "pm"), ("how much", "howmuch"))

# A word this long may differ in one letter and still be taken for another; from the second length on, in two.
ONE_SLIP_FROM: Final = 5
TWO_SLIPS_FROM: Final = 9


def words(text: str) -> list[str]:
    """Lower-case words without hyphens; homophones become what was meant, and "how much" is one word."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for spelled, joined in _JOINED:
        plain = plain.replace(spelled, joined)
    found = (word.replace("-", "") for word in _WORD.findall(plain))
    return [SOUNDS_LIKE.get(word, word) for word in found]


def stem(word: str) -> str:
    """A light stem without plural, -ing, -ed and final e: "opening", "opened" and "opens" agree with "open"."""
    word = word.removesuffix("'s")
    if word == "closed":  # no form of "close" here: "When do you close?" is not about "closed on Sundays"
        return word
    if len(word) > 4 and word.endswith("ies"):
        word = word[:-3] + "y"
    elif len(word) > 3 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ing", "ed"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            break
    word = word.removesuffix("e") if len(word) > 3 else word
    return word[:-1] if len(word) > 3 and word[-1] == word[-2] and word[-1].isalpha() else word


def nearest(word: str, known: Iterable[str]) -> str:
    """The known word that `word` is most likely meant to be, or "" when none is near. The first letter must agree."""
    slips = (len(word) >= ONE_SLIP_FROM) + (len(word) >= TWO_SLIPS_FROM)
    if not slips or not word.isalpha():
        return ""
    near = ((distance(word, other, slips), other) for other in known if other[:1] == word[:1])
    best = min((pair for pair in near if pair[0] <= slips), default=(0, ""))
    return best[1]


def distance(one: str, other: str, limit: int) -> int:
    """Letters to insert, drop, change or swap with a neighbour; counts no further than limit + 1."""
    if abs(len(one) - len(other)) > limit:
        return limit + 1
    before: list[int] = []
    row = list(range(len(other) + 1))
    for at, letter in enumerate(one, start=1):
        before, above, row = row, before, [at]
        for to, against in enumerate(other, start=1):
            cost = min(before[to] + 1, row[-1] + 1, before[to - 1] + (letter != against))
            if at > 1 and to > 1 and letter == other[to - 2] and one[at - 2] == against:
                cost = min(cost, above[to - 2] + 1)
            row.append(cost)
        if min(row) > limit:
            return limit + 1
    return row[-1]
