"""Times of spoken words: estimated from their lengths, or compared with the times that a voice reports; pure.

A word's share of the audio is proportional to its length, which is its characters and the gap after it.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import accumulate
from typing import Final

from shared.providers.speech import TimedWord

# Unhurried English speech. Used until a voice's own pace is known.
TYPICAL_MS_PER_CHARACTER: Final = 65.0
# A word that lacks at most this much of its audio counts as spoken.
MISSING_MS: Final = 40.0
# A voice may spell a word its own way ("3" as "three"): a matching word is searched among this many words ahead.
LOOK_AHEAD: Final = 4
_WORD: Final = re.compile(r"\S+")


def word_starts(text: str, start: int, end: int) -> list[int]:
    """Return the offsets in `text` at which the words of text[start:end] begin."""
    return [match.start() for match in _WORD.finditer(text, start, end)]


def count_spoken(words: Sequence[str], timed: Sequence[TimedWord], audio_ms: float) -> int:
    """Count the words that sounded in the first `audio_ms`, by the voice's times on the same scale."""
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
    """Return the length with which words share audio: their characters, and one for the gap after each word."""
    return sum(len(word) + 1 for word in words)


def spread_words(words: Sequence[str], start_ms: float, pace: float) -> list[TimedWord]:
    """Return times that follow from the words' lengths, from `start_ms` on. `pace` is in ms per character."""
    timed = []
    for word in words:
        end_ms = start_ms + (len(word) + 1) * pace
        timed.append(TimedWord(word, start_ms, end_ms, is_estimated=True))
        start_ms = end_ms
    return timed


def align_words(text: str, timed: Sequence[TimedWord]) -> Sequence[TimedWord]:
    """Return the words of a text as it is written, with the times of `timed`.

    The vendor may split and punctuate the words differently, so they are matched by their letters. The result is empty
    if the letters differ or a time is an estimate. `timed` may continue after the text.
    """
    if not timed:
        return ()
    heard = [_letters(word.text) for word in timed]
    letters, ends = "".join(heard), list(accumulate(map(len, heard)))
    aligned: list[TimedWord] = []
    at, end_ms = 0, timed[0].start_ms
    for written in text.split():
        wanted = _letters(written)
        if not letters.startswith(wanted, at):
            return ()
        start_ms = end_ms  # for a word without letters, which is not audible
        if wanted:
            first, last = bisect_right(ends, at), bisect_left(ends, at + len(wanted))
            if any(word.is_estimated for word in timed[first : last + 1]):
                return ()
            start_ms, end_ms = timed[first].start_ms, timed[last].end_ms
        aligned.append(TimedWord(written, start_ms, end_ms))
        at += len(wanted)
    return aligned


def shift_words(words: Iterable[TimedWord], by_ms: float) -> Iterator[TimedWord]:
    """Yield the words, moved by `by_ms`."""
    return (replace(word, start_ms=word.start_ms + by_ms, end_ms=word.end_ms + by_ms) for word in words)


def words_at_end(text: str, timed: Sequence[TimedWord]) -> Sequence[TimedWord]:
    """Return the last words of `timed` that have the letters of the text; empty if none match."""
    wanted, found = len(_letters(text)), 0
    for index in range(len(timed) - 1, -1, -1):
        found += len(_letters(timed[index].text))
        if found >= wanted:
            return timed[index:] if found == wanted else ()
    return ()


def _letters(text: str) -> str:
    folded = text.casefold()
    return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))


def word_key(word: str) -> str:
    """Return the form in which two spellings of a word are compared: without case and punctuation."""
    return re.sub(r"[^\w]+", "", word).casefold() or word
