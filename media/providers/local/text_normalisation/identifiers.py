"""Identifiers of letters and figures: references, flights, licence plates."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalisation.context import WordContext
from media.providers.local.text_normalisation.numerals import digits

_IDENTIFIER: Final = re.compile(r"(?=.*\d)(?=.*[A-Z])[A-Z0-9]+(?:-[A-Z0-9]+)*")
# A shorter one has a number (B12, 5A).
_SHORTEST: Final = 4


def read_identifier(word: str, context: WordContext) -> Sequence[str] | None:
    """Spells an identifier, with a pause at each hyphen; None for any other word."""
    if not _IDENTIFIER.fullmatch(word) or sum(map(str.isalnum, word)) < _SHORTEST or word[-2:] in ("AM", "PM"):
        return None
    spoken: list[str] = []
    for character in word:
        spoken += digits(character) if character.isdecimal() else [character if character != "-" else ","]
    return spoken
