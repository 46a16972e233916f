"""Finds the parts of a date in the caller's words.

English only: "the fifth of June nineteen eighty", "06/05/1980", "tomorrow".
"""

import re
from dataclasses import dataclass
from typing import Final

from media.turn.backchannels import phrase_set, split_words
from media.turn.spoken_digits import read_digits

_MONTHS: Final = phrase_set(
    "january|february|march|april|may|june|july|august|september|october|november|december|"
    "jan|feb|mar|apr|jun|jul|aug|sep|sept|oct|nov|dec"
)
_ORDINALS: Final = phrase_set(
    "first|second|third|fourth|fifth|sixth|seventh|eighth|ninth|tenth|eleventh|twelfth|thirteenth|fourteenth|"
    "fifteenth|sixteenth|seventeenth|eighteenth|nineteenth|twentieth|thirtieth"
)
_RELATIVE: Final = re.compile(
    r"\b(today|tonight|tomorrow|((on|this|next|coming) )?(mon|tues|wednes|thurs|fri|satur|sun)day|next (week|month))\b"
)
_WRITTEN_ORDINAL: Final = re.compile(r"^\d{1,2}(st|nd|rd|th)$")
_MOST_DAY_DIGITS: Final = 2
_YEAR_DIGITS: Final = 4
_CENTURIES: Final = ("19", "20")
_LAST_DAY: Final = 31


@dataclass(frozen=True, slots=True)
class SpokenDate:
    """The parts of a date that the caller said."""

    has_day: bool = False
    has_month: bool = False
    has_year: bool = False

    def is_whole(self, *, needs_year: bool) -> bool:
        """Return whether the parts identify a day."""
        return self.has_day and self.has_month and (self.has_year or not needs_year)


def read_date(text: str) -> SpokenDate:
    """Return the parts of a date in a text. A relative day ("tomorrow") has a day and a month."""
    words = split_words(text)
    if _RELATIVE.search(text.lower()):
        return SpokenDate(has_day=True, has_month=True)
    month = next((place for place, word in enumerate(words) if word in _MONTHS), None)
    is_ordinal = [word in _ORDINALS or bool(_WRITTEN_ORDINAL.match(word)) for word in words]
    if month is None:
        return _numeric(read_digits(text), has_ordinal=any(is_ordinal))
    before, after = read_digits(" ".join(words[:month])), read_digits(" ".join(words[month + 1 :]))
    day_digits = 0 if any(is_ordinal) or before else _day_length(after)
    return SpokenDate(any(is_ordinal) or bool(before) or day_digits > 0, True, len(after) - day_digits in (2, 4))


def _day_length(digits: str) -> int:
    """Return how many of the digits after a month are its day. The others are a year or part of a year."""
    count = len(digits)
    if count == _YEAR_DIGITS and digits[:2] in _CENTURIES:
        return 0
    return count - _YEAR_DIGITS if count > _YEAR_DIGITS else 1 if count == 3 else min(count, _MOST_DAY_DIGITS)


def _numeric(digits: str, *, has_ordinal: bool) -> SpokenDate:
    """Read a date that consists only of digits: up to two for the day, up to two for the month, and two or four for the
    year ("five six eighty")."""
    count = len(digits)
    has_short_year = count in (4, 5) and digits[-2:].isdecimal() and int(digits[-2:]) > _LAST_DAY
    is_year_alone = count == _YEAR_DIGITS and digits[:2] in _CENTURIES
    has_year = count >= 6 or (has_short_year and not digits.startswith("0")) or is_year_alone
    return SpokenDate(has_ordinal or (count > 0 and not is_year_alone), count >= 3 and not is_year_alone, has_year)
