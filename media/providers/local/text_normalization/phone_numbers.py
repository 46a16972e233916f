"""Finds telephone numbers in a text, and reads them digit by digit in groups."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalization.numerals import digits

_AREA: Final = r"(?:\(\d{3}\)\s*|\d{3}[-.\s])"
# North American numbers with or without country and area code, and any number in E.164 (ITU-T E.164: 15 digits).
_PHONE: Final = re.compile(
    rf"(?<![\w.$€£/-])(?:(?:\+?1[-.\s]?)?{_AREA}\d{{3}}[-.\s]?\d{{4}}|\d{{3}}-\d{{4}}|\+\d{{8,15}})(?![\w/-]|\.\d)"
)
# Grouped numbers of other countries: +44 20 7946 0958.
_ABROAD: Final = re.compile(r"(?<![\w.])\+(?!1\b)\d{1,3}(?:[-.\s]\d{1,5}){2,5}(?![\w/-]|\.\d)")
# Bank account numbers in groups of four (ISO 13616).
_IBAN: Final = re.compile(r"\b[A-Z]{2}\d\d(?:\s[A-Z0-9]{4}){2,7}(?:\s[A-Z0-9]{1,4})?\b")
_NORTH_AMERICA: Final = re.compile(r"\+?1?\d{10}")


def find_phone_numbers(text: str) -> list[tuple[int, int]]:
    """Return the (start, end) of each telephone number and each bank account number (IBAN) in the text."""
    spans = [match.span() for pattern in (_IBAN, _ABROAD) for match in pattern.finditer(text)]
    for match in _PHONE.finditer(text):
        if all(match.end() <= start or match.start() >= end for start, end in spans):
            spans.append(match.span())
    return sorted(spans)


def read_phone_part(token: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Read the telephone numbers (or their parts) at these spans of a word, with pauses between groups."""
    spoken: list[str] = []
    for start, end in spans:
        number = token[max(0, start) : end].strip()
        for group in _groups(number):
            spoken += [","] if spoken else []
            spoken += (["plus"] if group.startswith("+") else []) + _spell(group)
        spoken += [","] if end > len(token) else []  # the number continues in the next word
    return spoken


def _groups(number: str) -> list[str]:
    """Return the groups as written. An ungrouped number is split as usual in North America, or into groups of three
    digits."""
    plain = number.replace("+", "")
    if not plain.isdecimal() or len(plain) <= 4:
        return [group for group in re.split(r"[-.\s()]+", number) if group]
    if _NORTH_AMERICA.fullmatch(number):
        country = number[:-10]
        return [*([country] if country else []), number[-10:-7], number[-7:-4], number[-4:]]
    return re.findall(r"\+?\d{1,3}", number)


def _spell(group: str) -> list[str]:
    return [said for sign in group for said in ([sign] if sign.isalpha() else digits(sign))]
