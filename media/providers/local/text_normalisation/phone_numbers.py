"""Finds telephone numbers in a text, and says them digit by digit in groups."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalisation.numerals import digits

_AREA: Final = r"(?:\(\d{3}\)\s*|\d{3}[-.\s])"
# North American numbers with or without country and area code, and any number in E.164 (ITU-T E.164: 15 digits).
_PHONE: Final = re.compile(
    rf"(?<![\w.$€£/-])(?:(?:\+?1[-.\s]?)?{_AREA}\d{{3}}[-.\s]?\d{{4}}|\d{{3}}-\d{{4}}|\+\d{{8,15}})(?![\w/-]|\.\d)"
)
_NORTH_AMERICA: Final = re.compile(r"\+?1?\d{10}")


def find_phone_numbers(text: str) -> list[tuple[int, int]]:
    """Returns the (start, end) of each telephone number in the text."""
    return [match.span() for match in _PHONE.finditer(text)]


def read_phone_part(token: str, spans: Sequence[tuple[int, int]]) -> list[str]:
    """Says the (parts of) telephone numbers at these spans of a word, with pauses between groups."""
    spoken: list[str] = []
    for start, end in spans:
        number = token[max(0, start) : end].strip()
        for group in _groups(number):
            spoken += [","] if spoken else []
            spoken += (["plus"] if group.startswith("+") else []) + digits(group)
        spoken += [","] if end > len(token) else []  # the number continues in the next word
    return spoken


def _groups(number: str) -> list[str]:
    """The groups as written; an ungrouped number is split as usual in North America, or by three digits."""
    plain = number.replace("+", "")
    if not plain.isdecimal() or len(plain) <= 4:
        return [group for group in re.split(r"[-.\s()]+", number) if group]
    if _NORTH_AMERICA.fullmatch(number):
        country = number[:-10]
        return [*([country] if country else []), number[-10:-7], number[-7:-4], number[-4:]]
    return re.findall(r"\+?\d{1,3}", number)
