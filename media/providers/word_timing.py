"""Timings of spoken words: estimated from their lengths, or compared with the timings that a voice reports; pure.

A word's share of the audio is proportional to its length: its characters and the gap behind it.
"""

import re
from collections.abc import Sequence
from typing import Final

from media.providers.ports import TimedWord

# Unhurried English speech, until a voice's own pace is known.
TYPICAL_MS_PER_CHARACTER: Final = 65.0
# A word of which no more than this is missing counts as spoken.
MISSING_MS: Final = 40.0
# A voice may write a word its own way ("3" as "three"): the next word that agrees is searched this many words ahead.
LOOK_AHEAD: Final = 4
_WORD: Final = re.compile(r"\S+")


def word_starts(text: str, start: int, end: int) -> list[int]:
    """Offsets in `text` at which the words of text[start:end] begin."""
    return [match.start() for match in _WORD.finditer(text, start, end)]


def count_spoken(words: Sequence[str], timed: Sequence[TimedWord], audio_ms: float) -> int:
    """Counts the words that sounded in the first `audio_ms`, by the voice's timings (in the same ms)."""
    keys = [word_key(word) for word in words]
    at = 0
    for spoken in timed:
        if spoken.end_ms > audio_ms + MISSING_MS:
            break
        ahead = keys[at : at + LOOK_AHEAD]
        if word_key(spoken.text) in ahead:
            at += ahead.index(word_key(spoken.text)) + 1
    return at


def timing_length(words: Sequence[str]) -> int:
    """The length by which words share audio: characters, and one for the gap after each word."""
    return sum(len(word) + 1 for word in words)


def spread_words(words: Sequence[str], start_ms: float, pace: float) -> list[TimedWord]:
    """Timings by the words' lengths, from `start_ms` on. pace: ms per character."""
    timed = []
    for word in words:
        end_ms = start_ms + (len(word) + 1) * pace
        timed.append(TimedWord(word, start_ms, end_ms))
        start_ms = end_ms
    return timed


def word_key(word: str) -> str:
    """The form in which two spellings of a word are compared: without case and punctuation."""
    return re.sub(r"[^\w]+", "", word).casefold() or word
