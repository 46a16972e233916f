"""Telephone numbers: found in a text, and read digit by digit in groups."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.reading.numerals import digits

_AREA: Final = r"(?:\(\d{3}\)\s*|\d{3}[-.\s])"
# North American numbers with or without country and area code, and any number in E.164 (ITU-T E.164: 15 digits).
_PHONE: Final = re.compile(
    rf"(?<![\w.$€£/-])(?:(?:\+?1[-.\s]?)?{_AREA}\d{{3}}[-.\s]?\d{{4}}|\d{{3}}-\d{{4}}|\+\d{{8,15}})(?![\w/-]|\.\d)"
)
_NORTH_AMERICA: Final = re.compile(r"\+?1?\d{10}")


def phone_spans(text: str) -> list[tuple[int, int]]:
    """Where in the text telephone numbers stand."""
    return [match.span() for match in _PHONE.finditer(text)]


def read_phone_part(token: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """What is said for a word that holds (a part of) telephone numbers at these places, with pauses between groups."""
    spoken: list[str] = []
    for start, end in spans:
        number = token[max(0, start) : end].strip()
        for group in _groups(number):
            spoken += [","] if spoken else []
            spoken += (["plus"] if group.startswith("+") else []) + digits(group)
        spoken += [","] if end > len(token) else []  # the number goes on in the next word
    return spoken


def _groups(number: str) -> list[str]:
    """Groups as they are written; a number without any is grouped as its country does, or by three."""
    plain = number.replace("+", "")
    if not plain.isdecimal() or len(plain) <= 4:
        return [group for group in re.split(r"[-.\s()]+", number) if group]
    if _NORTH_AMERICA.fullmatch(number):
        country = number[:-10]
        return [*([country] if country else []), number[-10:-7], number[-7:-4], number[-4:]]
    return re.findall(r"\+?\d{1,3}", number)
