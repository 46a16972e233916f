"""Expands abbreviations, and decides whether their full stop may end a sentence."""

from dataclasses import dataclass
from typing import Final

from media.providers.english import word_list
from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.dates import SHORT_MONTHS


@dataclass(frozen=True, slots=True)
class Abbreviation:
    """An expanded abbreviation.

    Attributes:
        spoken: The spoken words.
        may_end: Whether it may be a sentence's last word.
    """

    spoken: tuple[str, ...]
    may_end: bool = False


# Expanded with or without a full stop.
_TITLES: Final = {"mr": "mister", "mrs": "missus", "ms": "miz", "dr": "doctor", "prof": "professor"}
# Expanded only with a full stop.
_STOPPED: Final = {
    "ave": "avenue",
    "blvd": "boulevard",
    "rd": "road",
    "ln": "lane",
    "hwy": "highway",
    "apt": "apartment",
    "ste": "suite",
    "no": "number",
    "nos": "numbers",
    "inc": "incorporated",
    "ltd": "limited",
    "co": "company",
    "corp": "corporation",
    "dept": "department",
    "jr": "junior",
    "sr": "senior",
    "ext": "extension",
    "approx": "approximately",
    "min": "minutes",
    "hr": "hour",
    "hrs": "hours",
    "sec": "seconds",
    "tel": "telephone",
    "vs": "versus",
    "etc": "et cetera",
    "est": "established",
    "misc": "miscellaneous",
    "mt": "mount",
}
_ENDING: Final = word_list("ave blvd rd ln hwy inc ltd co corp jr sr etc st dr")
_LATIN: Final = {"e.g": ("for", "example"), "i.e": ("that", "is"), "a.k.a": ("also", "known", "as")}
_ALWAYS: Final = {"ext": "extension", "vs": "versus", "w/": "with", "blvd": "boulevard"}


def expand(core: str, tail: str, context: WordContext) -> Abbreviation | None:
    """Return the expanded abbreviation, or None for any other word.

    Args:
        tail: The punctuation after the word.
    """
    word, stopped = core.lower(), tail.startswith(".")
    is_time = core.isupper() or context.before[:1].isdecimal()
    if word in ("a.m", "p.m") or (word in ("am", "pm") and is_time):
        return Abbreviation((word[0].upper(), "M"), may_end=True)
    if word in _LATIN:
        return Abbreviation(_LATIN[word])
    if word in SHORT_MONTHS and stopped and context.after[:1].isdecimal():
        return Abbreviation((SHORT_MONTHS[word],))
    if word == "dr" and stopped and not context.next_is_capital:
        return Abbreviation(("drive",), may_end=True)
    if word in _TITLES and (stopped or core[0].isupper()) and not core.isupper():
        return Abbreviation((_TITLES[word],))
    if word == "st" and stopped:
        return _saint_or_street(context)
    if word in _ALWAYS or (word in _STOPPED and stopped and _is_short_for(word, context)):
        return Abbreviation(tuple(_STOPPED.get(word, _ALWAYS.get(word, "")).split()), may_end=word in _ENDING)
    return _initials(core)


def _saint_or_street(context: WordContext) -> Abbreviation:
    """Return "saint" (St. Mary's) or "street" (5th St., Main St. Suite 3)."""
    after_a_name = bool(context.before) and context.before not in ("the", "at", "in", "of", "to", "near", "from")
    if context.next_is_capital and not after_a_name:
        return Abbreviation(("saint",))
    return Abbreviation(("street",), may_end=True)


def _is_short_for(word: str, context: WordContext) -> bool:
    """Whether the word is an abbreviation in this context: "no." and "min." are abbreviations only beside a number."""
    if word == "no":
        return context.after[:1].isdecimal()
    if word in ("min", "sec", "hr", "est", "mt", "co"):
        return context.before[:1].isdecimal() or not context.is_last
    return True


def _initials(core: str) -> Abbreviation | None:
    """Return the letters of initials with dots (U.S, J.D), or None for any other word."""
    letters = core.split(".")
    if len(letters) > 1 and all(len(letter) == 1 and letter.isalpha() for letter in letters):
        return Abbreviation(tuple(letter.upper() for letter in letters), may_end=True)
    return None
