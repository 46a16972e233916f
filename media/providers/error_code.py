"""Tells an error's code from other text that a vendor may put in its place; pure.

What passes gets into events and logs. A vendor that repeats the key there must not: a code is words of letters with at
most four digits at the end, and a key has digits among its letters. A key that has none is found by comparison, where
the error leaves the chain (`hide_key`).
"""

import re
from typing import Final

MAX_CHARACTERS: Final = 60
_CODE: Final = re.compile(r"(?:[A-Za-z]{1,30}(?:[_.-][A-Za-z]{1,30}){0,9}(?:[_.-]?[0-9]{1,4})?|[0-9]{1,4})")
# So many characters in a row of a key are never told; of a shorter key all.
_SHARED: Final = 8

_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z]{1,20}(?:[.+-][a-z]{1,20}){0,3}")


def name_media_type(text: str) -> str:
    """The media type if it is one like `text/html`; else "another type"."""
    return text if _MEDIA_TYPE.fullmatch(text) else "another type"


def is_error_code(text: object) -> bool:
    """Whether the value is a code like `rate_limit_exceeded`, `NET-0001`, `SchemaError` or `401`."""
    return isinstance(text, str) and len(text) <= MAX_CHARACTERS and _CODE.fullmatch(text) is not None


def hide_key(text: str, key: str) -> str:
    """The text with `***` for each word that holds a part of the key, whatever its case."""
    return " ".join("***" if _tells(word, key) else word for word in text.split(" ")) if key else text


def _tells(word: str, key: str) -> bool:
    plain, secret = word.strip(":,.").lower(), key.lower()
    if len(secret) <= _SHARED:
        return plain == secret
    return any(plain[at : at + _SHARED] in secret for at in range(len(plain) - _SHARED + 1))
