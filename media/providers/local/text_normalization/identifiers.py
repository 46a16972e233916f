"""Reads identifiers that consist of letters and figures: references, flights, license plates."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.numerals import digits

_IDENTIFIER: Final = re.compile(r"(?=.*\d)(?=.*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*")
# 123-45-6789, 02139-1234
_GROUPS: Final = re.compile(r"\d+(?:-\d+)+")
_LEAST_DIGITS: Final = 7
# Shorter words with a number (B12, 5A) are not identifiers.
_SHORTEST: Final = 4


def read_identifier(word: str, context: WordContext) -> Sequence[str] | None:
    """Spell an identifier, with a pause at each hyphen. Returns None for any other word."""
    if not _is_identifier(word) or sum(map(str.isalnum, word)) < _SHORTEST or word[-2:] in ("AM", "PM"):
        return None
    spoken: list[str] = []
    for character in word:
        spoken += digits(character) if character.isdecimal() else [character if character != "-" else ","]
    return spoken


def _is_identifier(word: str) -> bool:
    if _GROUPS.fullmatch(word):
        return sum(map(str.isdecimal, word)) >= _LEAST_DIGITS
    return _IDENTIFIER.fullmatch(word) is not None
