"""What a vendor says about a refused request, without the key, which many vendors repeat in part."""

import re
from collections.abc import Iterator
from typing import Any, Final

import msgspec

MAX_CHARACTERS: Final = 200
# So many characters in a row of a key are never told.
_SHARED: Final = 6
_WORD: Final = re.compile(r"[^\s\"'`,;:()<>\[\]{}]+")


def read_words(body: bytes, key: str) -> str:
    """The message of a JSON error in one of the shapes that vendors use; empty where there is none."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return redact(next(_messages(decoded), ""), key)


def redact(text: str, key: str) -> str:
    """The text in one line, cut to 200 characters. Words that hold a part of the key, or masked characters, become
    `***`."""
    line = " ".join(part for part in text.split() if part.isprintable())
    cut = _WORD.sub(lambda found: "***" if _tells(found.group(), key) else found.group(), line)
    return cut[:MAX_CHARACTERS]


def _tells(word: str, key: str) -> bool:
    if "**" in word or "..." in word.strip("."):
        return True
    parts = {key[at : at + _SHARED] for at in range(len(key) - _SHARED + 1)} or {key}
    return bool(key) and any(part in word for part in parts)


def _messages(decoded: Any) -> Iterator[str]:
    """Texts under the names of OpenAI, Azure, Deepgram (`err_msg`, `description`, `details`) and Cartesia (`message`,
    `title`)."""
    if not isinstance(decoded, dict):
        return
    error = decoded.get("error")
    for part in (error, decoded):
        if isinstance(part, str) and part:
            yield part
        if isinstance(part, dict):
            for name in ("message", "err_msg", "description", "details", "detail", "title", "reason"):
                if isinstance(part.get(name), str) and part[name]:
                    yield part[name]
