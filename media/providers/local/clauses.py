"""Splits a text into clauses, so that the first clause plays while the next one is synthesized."""

from typing import Final

from media.providers.local.normalizer import normalize

# Characters: the first clause may be short, for early audio; later ones are longer, for better intonation.
MIN_FIRST: Final = 12
MIN_LATER: Final = 40
# Text without punctuation is cut at this length, because one long synthesis would make the caller wait.
MAX_LENGTH: Final = 120


def split_clauses(text: str) -> list[str]:
    """Return the clauses, whose concatenation is the text. Returns an empty list for a text without words."""
    parts: list[str] = []
    clause, has_words = "", False
    for word in normalize(text):
        clause += word.written
        has_words = has_words or bool(word.spoken)
        if has_words and _ends(clause, word.stop, first=not parts):
            parts.append(clause)
            clause, has_words = "", False
    if has_words:
        parts.append(clause)
    elif parts:
        parts[-1] += clause
    return parts


def pause_ms(clause: str) -> int:
    """Return the silence in ms between a clause and the next one."""
    stop = next((word.stop for word in reversed(normalize(clause)) if word.stop), "")
    return {"": 40, ",": 120}.get(stop, 250)


def _ends(clause: str, stop: str, *, first: bool) -> bool:
    if stop in (".", "!", "?"):
        return True
    shortest = MIN_FIRST if first else MIN_LATER
    return len(clause) >= (shortest if stop else MAX_LENGTH)
