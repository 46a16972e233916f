"""Error texts of vendors, without the key, which many vendors repeat in part."""

import re
from collections.abc import Collection, Iterator
from typing import Any, Final

import msgspec

MAX_CHARACTERS: Final = 200
# Maximum number of characters that are examined. A server may send any number, and the reported text is much shorter.
MAX_READ: Final = 4_096
# Words that share this many consecutive characters with the key are removed.
_SHARED: Final = 6
_WORD: Final = re.compile(r"[^\s\"'`,;:()<>\[\]{}]+")


def read_words(body: bytes, key: str) -> str:
    """Return the message of a JSON error in one of the formats that vendors use. Empty if there is none."""
    try:
        decoded: Any = msgspec.json.decode(body)
    except msgspec.DecodeError:
        return ""
    return redact(next(_messages(decoded), ""), key)


def redact(text: str, key: str) -> str:
    """Return the text in one line, cut to 200 characters.

    Words that hold a part of the key, or masked characters, become `***`.
    """
    line = " ".join(part for part in text[:MAX_READ].split() if part.isprintable())
    size = min(_SHARED, len(key))
    parts = {key[at : at + size] for at in range(len(key) - size + 1)} if key else set()
    if key:  # separators split a key into words that are too short to match
        line = line.replace(key, "***")
    cut = _WORD.sub(lambda found: "***" if _tells(found.group(), parts, size) else found.group(), line)
    return cut[:MAX_CHARACTERS]


def _tells(word: str, parts: Collection[str], size: int) -> bool:
    """Return whether a word is masked or contains a part of the key. All parts have the length `size`."""
    if "**" in word or "..." in word.strip("."):
        return True
    return bool(parts) and any(word[at : at + size] in parts for at in range(len(word) - size + 1))


def _messages(decoded: Any) -> Iterator[str]:
    """Yield the error texts of a decoded answer.

    The names are those of OpenAI, Azure, Deepgram (`err_msg`, `description`, `details`), Cartesia (`message`, `title`),
    Soniox (`error_message`) and ElevenLabs (`detail.message`; `message` beside a code in `error`).
    """
    if not isinstance(decoded, dict):
        return
    error = decoded.get("error")
    if isinstance(error, str) and isinstance(decoded.get("message"), str):
        yield decoded["message"]
    detail = decoded.get("detail")
    for part in (error, detail if isinstance(detail, dict) else None, decoded):
        if isinstance(part, str) and part:
            yield part
        if isinstance(part, dict):
            for name in ("message", "error_message", "err_msg", "description", "details", "detail", "title", "reason"):
                if isinstance(part.get(name), str) and part[name]:
                    yield part[name]
