"""Tells an error's code from other text that a vendor may put in its place; pure.

What passes gets into events and logs. A vendor that repeats the key there must not: a code is words of letters with at
most four digits at the end, and a key has digits among its letters.
"""

import re
from typing import Final

MAX_CHARACTERS: Final = 60
_CODE: Final = re.compile(r"(?:[A-Za-z]{1,30}(?:[_.-][A-Za-z]{1,30}){0,9}(?:[_.-]?[0-9]{1,4})?|[0-9]{1,4})")


_MEDIA_TYPE: Final = re.compile(r"[a-z]{1,20}/[a-z]{1,20}(?:[.+-][a-z]{1,20}){0,3}")


def name_media_type(text: str) -> str:
    """The media type if it is one like `text/html`; else "another type"."""
    return text if _MEDIA_TYPE.fullmatch(text) else "another type"


def is_error_code(text: object) -> bool:
    """Whether the value is a code like `rate_limit_exceeded`, `NET-0001`, `SchemaError` or `401`."""
    return isinstance(text, str) and len(text) <= MAX_CHARACTERS and _CODE.fullmatch(text) is not None
