"""E-mail addresses and web addresses."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.local.reading.context import Context
from media.providers.local.reading.numerals import digits

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


def read(word: str, context: Context) -> Sequence[str] | None:
    """What is said for an address, sign by sign; None for anything else."""
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
            spoken += [part.lower()] if _is_sayable(part) else list(part.upper())
        elif part in _SIGNS:
            spoken += [_SIGNS[part]]
    return spoken


def _is_sayable(part: str) -> bool:
    """Something with a vowel; "io", "us" and the like are said by letters, as is "www"."""
    return len(part) > 2 and re.search("[aeiouy]", part, re.IGNORECASE) is not None
