"""Reads digits from English words as people dictate them and recognizers mishear them.

Examples are "double five", "oh", "fifteen fifty", "eight hundred" and "415-555". "for" between digits is a 4. Any other
word between digits stands for a digit that was not understood. "four one six, no, four one five" is a correction.
"""

from collections.abc import Iterator, Sequence
from typing import Final

from media.turn.backchannels import phrase_set, split_words, word_list

# Stands for a digit that was spoken but not understood.
UNCLEAR: Final = "?"

_UNITS: Final = {
    **dict(zip(word_list("zero one two three four five six seven eight nine"), "0123456789", strict=True)),
    "oh": "0", "o": "0", "nought": "0", "naught": "0", "niner": "9", "fife": "5",
}  # fmt: skip
# What recognizers write for a digit. These are read as digits only between digits, because all are ordinary words.
_SOUNDS_LIKE: Final = {
    "for": "4", "fore": "4", "to": "2", "too": "2", "won": "1", "ate": "8", "tree": "3", "free": "3", "owe": "0",
    "sicks": "6", "tu": "2", "nein": "9",
}  # fmt: skip
_TEENS: Final = {
    word: str(number)
    for number, word in enumerate(
        word_list("ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen"), 10
    )
}
_TENS: Final = {
    word: str(number)
    for number, word in enumerate(word_list("twenty thirty forty fifty sixty seventy eighty ninety"), 2)
}
_REPEATS: Final = {"double": 2, "triple": 3, "treble": 3}
_ZEROS: Final = {"hundred": "00", "thousand": "000"}
_CORRECTIONS: Final = phrase_set("no|sorry|correction|wait")
# Words between digits that do not stand for a digit.
_BETWEEN: Final = phrase_set(
    "and|then|dash|hyphen|space|dot|point|um|uh|er|erm|comma|slash|stroke|again|area|code|is|it's|that's|the|my|number|"
    "followed|by|hash|pound|key|yes|yeah|so|plus|okay|ok|please|thanks|thank|you|i|mean|actually"
)
# A correction replaces at most this many digits if it repeats none of the digits before it.
_MOST_CORRECTED: Final = 4
# A sentence with at least this many digits gives a number, unless it has more other words.
_CLEARLY_GIVEN: Final = 3


def read_digits(text: str) -> str:
    """Return the digits in a text in order, with UNCLEAR for each digit that was spoken but not understood."""
    return _corrected(tuple(_parts(split_words(text))))


def is_dictated(text: str) -> bool:
    """Return whether a text gives digits instead of only mentioning some ("one moment", "could you call me at
    five")."""
    words = split_words(text)
    given = sum(_count_digits(words, at) for at in range(len(words)))
    others = sum(
        not is_digit_word(words, at) and word not in _BETWEEN and word not in _CORRECTIONS and word not in _SOUNDS_LIKE
        for at, word in enumerate(words)
    )
    return given >= _CLEARLY_GIVEN and given >= others if others else given > 0


def _count_digits(words: Sequence[str], at: int) -> int:
    """Return 1 for a spoken digit, or the number of figures in a word that the recognizer wrote in figures."""
    return len(words[at]) if words[at].isdecimal() else int(is_digit_word(words, at))


def is_digit_word(words: Sequence[str], at: int) -> bool:
    """Return whether a word (from `split_words`) is one or more digits by itself."""
    word = words[at] if 0 <= at < len(words) else ""
    return word.isdecimal() or word in _UNITS or word in _TEENS or word in _TENS or word in _REPEATS or word in _ZEROS


def ends_open(text: str) -> bool:
    """Return whether the last word, such as "double", needs another word."""
    return split_words(text)[-1:] in ([word] for word in _REPEATS)


def _parts(words: Sequence[str]) -> Iterator[str]:
    """Yield the digits of each word in order. An empty text marks a correction."""
    at = 0
    while at < len(words):
        found, count = _read(words, at)
        if found:
            yield found
        elif words[at] in _CORRECTIONS:
            yield ""
        at += count


def _read(words: Sequence[str], at: int) -> tuple[str, int]:
    """Return the digits that begin at a word, and the number of words that they take."""
    word, following = words[at], words[at + 1] if at + 1 < len(words) else ""
    if word.isdecimal():
        return "".join(str(int(figure)) for figure in word), 1  # other scripts have their own figures
    if word in _REPEATS:
        digit = following if following.isdecimal() and len(following) == 1 else _UNITS.get(following, "")
        return digit * _REPEATS[word], 2 if digit else 1
    if word in _TENS:
        unit = _UNITS.get(following, "0") if following not in ("oh", "o", "zero") else "0"
        return (_TENS[word] + unit, 2) if unit != "0" else (_TENS[word] + "0", 1)
    if word in _ZEROS:
        return (_ZEROS[word], 1) if at and is_digit_word(words, at - 1) else ("", 1)
    return _UNITS.get(word) or _TEENS.get(word) or _misheard(words, at), 1


def _misheard(words: Sequence[str], at: int) -> str:
    """Return the digit that a word stands for, according to its neighbors."""
    word, before, after = words[at], is_digit_word(words, at - 1), is_digit_word(words, at + 1)
    if word in _SOUNDS_LIKE:
        is_last = at + 1 == len(words)
        is_digit = (before and (after or is_last)) or (at == 0 and after and is_digit_word(words, at + 2))
        return _SOUNDS_LIKE[word] if is_digit else ""
    if word in _BETWEEN or word in _CORRECTIONS:
        return ""
    # Requires two digits on each side: "three of them at five" is not a number.
    inside = is_digit_word(words, at - 2) and before and after and is_digit_word(words, at + 2)
    return UNCLEAR if inside else ""


def _corrected(parts: Sequence[str]) -> str:
    digits, at = "", 0
    while at < len(parts):
        if parts[at] or not digits:
            digits += parts[at]
            at += 1
            continue
        end = next((place for place in range(at + 1, len(parts)) if not parts[place]), len(parts))
        tail = "".join(parts[at + 1 : end])
        digits = digits[: _kept(digits, tail)] + tail
        at = end
    return digits


def _kept(digits: str, tail: str) -> int:
    """Return how many digits a correction keeps. A correction repeats correct digits before the wrong one, or only
    replaces the wrong one."""
    if not tail:
        return len(digits)
    for place in range(len(digits) - 1):
        if digits[place : place + 2] == tail[:2]:
            return place
    return max(0, len(digits) - min(len(tail), _MOST_CORRECTED))
