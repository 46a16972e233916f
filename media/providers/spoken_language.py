"""In which language a text was spoken, from what a vendor tells of its parts; pure."""

from collections import Counter
from collections.abc import Iterable
from typing import Any


def read_language(told: Any) -> str:
    """The code of a language without its region ("es" of "es-US"), of a list the first; empty for anything else: no
    message is refused because of it."""
    first = told[0] if isinstance(told, list | tuple) and told else told
    return first.replace("_", "-").partition("-")[0].lower() if isinstance(first, str) else ""


def most_spoken(parts: Iterable[tuple[str, str]]) -> str:
    """The language of most of the text. parts: language and text; those without a language say nothing."""
    letters: Counter[str] = Counter()
    for language, text in parts:
        if language and text.strip():
            letters[language] += len(text.strip())
    return letters.most_common(1)[0][0] if letters else ""
