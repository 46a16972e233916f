"""Reads dates, years and clock times."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.english import MONTHS
from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.numerals import cardinal, ordinal, year

SHORT_MONTHS: Final = {month[:3]: month for month in MONTHS} | {"sept": "september"}
_DAYS: Final = {
    "mon": "monday",
    "tue": "tuesday",
    "tues": "tuesday",
    "wed": "wednesday",
    "thu": "thursday",
    "thur": "thursday",
    "thurs": "thursday",
    "fri": "friday",
    "sat": "saturday",
    "sun": "sunday",
}
_ISO: Final = re.compile(r"(\d{4})-(\d{1,2})-(\d{1,2})")
_SLASHED: Final = re.compile(r"(\d{1,2})/(\d{1,2})(?:/(\d{4}|\d{2}))?")
_CLOCK: Final = re.compile(r"(\d{1,2})(?::(\d{2}))?(?:([ap])\.?m)?", re.IGNORECASE)
_RANGE: Final = re.compile(r"([\d:apm.]+)[-\u2013]([\d:apm.]+)", re.IGNORECASE)
_DECADE: Final = re.compile(r"(\d\d)?([1-9]0|00)s", re.IGNORECASE)
_NUMBER: Final = re.compile(r"0|[1-9]\d{0,3}")
# "Mar 3" is a date; "may" and "sun" without a number are words.
_BEFORE_YEAR: Final = frozenset(("in", "since", "of", "by", "until", "year", *MONTHS, *SHORT_MONTHS))


def read_date_or_time(word: str, context: WordContext) -> Sequence[str] | None:
    """Return the words for a date, year, range or clock time, or None for any other word."""
    if match := _ISO.fullmatch(word):
        return _date(int(match[2]), int(match[3]), match[1])
    if match := _SLASHED.fullmatch(word):
        return _date(int(match[1]), int(match[2]), match[3])
    if (match := _RANGE.fullmatch(word)) and (times := _range(match[1], match[2])):
        return times
    if match := _DECADE.fullmatch(word):
        return _decade(match)
    if match := _CLOCK.fullmatch(word):
        return _bare_number(word, context) if word.isdecimal() else _clock(match)
    return _name(word, context)


def _date(month: int, day: int, written_year: str | None) -> list[str] | None:
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    spoken = [MONTHS[month - 1], *ordinal(day)]
    if not written_year:
        return spoken
    number = int(written_year)
    return spoken + year(number + 2000 if number < 100 else number)


def _clock(match: re.Match[str]) -> list[str] | None:
    hour, minute, half = int(match[1]), int(match[2] or 0), (match[3] or "").upper()
    if hour > 24 or minute > 59 or (half and not 1 <= hour <= 12):
        return None
    if not half and (hour == 0 or hour > 12):
        half = "A" if hour in (0, 24) else "P"
    spoken = cardinal((hour - 1) % 12 + 1)
    if minute:
        spoken += (["oh"] if minute < 10 else []) + cardinal(minute)
    elif not half:
        spoken += ["o'clock"]
    return [*spoken, half, "M"] if half else spoken


def _range(first: str, last: str) -> list[str] | None:
    """Return the words for a range of times, as "nine to five" for 9-5 (also 9am-5pm, 10:30-12). Returns None for other
    ranges (02139-1234)."""
    are_years = all(_is_year(end) for end in (first, last))
    ends = []
    for end in (first, last):
        match = _CLOCK.fullmatch(end)
        if end.isdecimal():
            spoken = None if not _NUMBER.fullmatch(end) else year(int(end)) if are_years else cardinal(int(end))
        else:
            spoken = _clock(match) if match else None
        if spoken is None:
            return None
        ends.append([word for word in spoken if word != "o'clock"])
    return [*ends[0], "to", *ends[1]]


def _decade(match: re.Match[str]) -> list[str] | None:
    """Read a decade: 1990s or 90s (the nineties)."""
    if not match[1]:
        *head, last = cardinal(int(match[2]))
    else:
        *head, last = year(int(match[1] + match[2]))
    return [*head, f"{last[:-1]}ies" if last.endswith("y") else f"{last}s"]


def _bare_number(word: str, context: WordContext) -> list[str] | None:
    """Read a number after a month's name as an ordinal. Returns None otherwise."""
    number = int(word)
    if _month(context.before) and 1 <= number <= 31:
        return ordinal(number)
    return None


def _name(word: str, context: WordContext) -> list[str] | None:
    lower = word.lower()
    if re.fullmatch(r"\d{4}", word):
        return year(int(word)) if _is_year(word) and _is_year_context(context) else None
    if lower in SHORT_MONTHS and context.after[:1].isdecimal():
        return [SHORT_MONTHS[lower]]
    if word[:1].isupper() and lower in _DAYS and lower not in ("sat", "sun", "wed"):
        return [_DAYS[lower]]
    return None


def _is_year(word: str) -> bool:
    return len(word) == 4 and word.isdecimal() and 1100 <= int(word) <= 2099


def _is_year_context(context: WordContext) -> bool:
    day = re.fullmatch(r"\d{1,2}(?:st|nd|rd|th)?", context.before)
    return day is not None or context.before in _BEFORE_YEAR


def _month(word: str) -> bool:
    return word in MONTHS or word in SHORT_MONTHS
