"""How far a voice came in its text, by its word timings or by the share of the audio; pure."""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.ports import TimedWord

# A word of which so little is missing was heard.
MISSING_MS: Final = 40.0
# A voice may write a word its own way ("3" as "three"); so many words are looked ahead for the next one that agrees.
LOOK_AHEAD: Final = 4
_WORD: Final = re.compile(r"\S+")


def word_starts(text: str, start: int, end: int) -> list[int]:
    """Where the words of text[start:end] begin."""
    return [match.start() for match in _WORD.finditer(text, start, end)]


def spoken_by_timing(words: Sequence[str], timed: Sequence[TimedWord], audio_ms: float) -> int:
    """How many of the words sounded in the first `audio_ms`, by the voice's timings (in the same ms)."""
    keys = [_key(word) for word in words]
    at = 0
    for spoken in timed:
        if spoken.end_ms > audio_ms + MISSING_MS:
            break
        ahead = keys[at : at + LOOK_AHEAD]
        if _key(spoken.text) in ahead:
            at += ahead.index(_key(spoken.text)) + 1
    return at


def cost(words: Sequence[str]) -> int:
    """The length by which words share audio: each word's characters and the gap behind it."""
    return sum(len(word) + 1 for word in words)


def spread(words: Sequence[str], start_ms: float, pace: float) -> list[TimedWord]:
    """Timings by the words' lengths, from `start_ms` on. pace: ms per character."""
    timed = []
    for word in words:
        end_ms = start_ms + (len(word) + 1) * pace
        timed.append(TimedWord(word, start_ms, end_ms))
        start_ms = end_ms
    return timed


def _key(word: str) -> str:
    return re.sub(r"[^\w]+", "", word).casefold() or word
