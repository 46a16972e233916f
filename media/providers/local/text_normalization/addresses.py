"""Reads e-mail and web addresses."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.text_normalization.context import WordContext
from media.providers.local.text_normalization.numerals import digits

_EMAIL: Final = re.compile(r"[\w.+%-]+@[\w-]+(?:\.[\w-]+)+", re.ASCII)
_DOMAINS: Final = "com|org|net|io|co|us|uk|ca|edu|gov|info|biz|dev|app|ai|me|example|test"
_URL: Final = re.compile(
    rf"(?:https?://)?((?:[a-z0-9-]+\.)+(?:{_DOMAINS})(?::\d+)?(?:/[\w./?=&%#~+-]*)?)", re.IGNORECASE
)
_PART: Final = re.compile(r"[a-z]+|\d|[^a-z\d]", re.IGNORECASE)
_SIGNS: Final = {
    "@": "at",
    ".": "dot",
    "-": "dash",
    "_": "underscore",
    "+": "plus",
    "/": "slash",
    "?": "question",
    "=": "equals",
    "&": "and",
    "%": "percent",
    "#": "hash",
    "~": "tilde",
    ":": "colon",
}


def read_address(word: str, context: WordContext) -> Sequence[str] | None:
    """Return the words for an e-mail or web address, or None for any other word."""
    if _EMAIL.fullmatch(word):
        return _signs(word)
    if match := _URL.fullmatch(word):
        return _signs(match[1].rstrip("/"))
    return None


def _signs(address: str) -> list[str]:
    spoken: list[str] = []
    for part in _PART.findall(address):
        if part.isdecimal():
            spoken += digits(part)
        elif part.isalpha():
            spoken += [part.lower()] if _is_word(part) else list(part.upper())
        elif part in _SIGNS:
            spoken += [_SIGNS[part]]
    return spoken


def _is_word(part: str) -> bool:
    """Whether a part is read as a word, because it has a vowel and more than two letters ("io", "us" and "www" are
    spelled)."""
    return len(part) > 2 and re.search("[aeiouy]", part, re.IGNORECASE) is not None
