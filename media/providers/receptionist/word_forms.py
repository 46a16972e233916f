"""Splits recognized text into words and compares them, with tolerance for recognition errors on a phone line."""

import re
from collections.abc import Iterable
from typing import Final

from media.providers.receptionist.vocabulary import SOUNDS_LIKE

_WORD: Final = re.compile(r"\w+(?:['-]\w+)*")
_JOINED: Final = (("a.m.", "am"), ("p.m.", "pm"), ("how much", "howmuch"))

# Words of this many letters match if one letter differs. From the second length on, two letters may differ.
ONE_ERROR_FROM: Final = 5
TWO_ERRORS_FROM: Final = 9


def split_words(text: str) -> list[str]:
    """Return lower-case words without hyphens. Homophones are replaced by the intended word, and "how much" is one
    word."""
    plain = text.lower().replace("\N{RIGHT SINGLE QUOTATION MARK}", "'")
    for spelled, joined in _JOINED:
        plain = plain.replace(spelled, joined)
    found = (word.replace("-", "") for word in _WORD.findall(plain))
    return [SOUNDS_LIKE.get(word, word) for word in found]


def stem(word: str) -> str:
    """Return a light stem without plural, -ing, -ed and final e: "opening", "opened" and "opens" agree with "open"."""
    word = word.removesuffix("'s")
    if word == "closed":  # not a form of "close" here: "When do you close?" is not about "closed on Sundays"
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


def find_nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word nearest to `word`, or "" if none is near. The first letter must agree."""
    errors = (len(word) >= ONE_ERROR_FROM) + (len(word) >= TWO_ERRORS_FROM)
    if not errors or not word.isalpha():
        return ""
    near = ((edit_distance(word, other, errors), other) for other in known if other[:1] == word[:1])
    best = min((pair for pair in near if pair[0] <= errors), default=(0, ""))
    return best[1]


def edit_distance(one: str, other: str, limit: int) -> int:
    """Return the number of letters to insert, drop, change or swap with a neighbor, up to limit + 1
    (Damerau-Levenshtein)."""
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
