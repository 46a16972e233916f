"""Maps the times of spoken words to the written words. Pure."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from media.providers.normalization.spans import SpokenSpan
from media.providers.ports import TimedWord
from shared.providers.word_timing import spread_words

# How many letters ahead the next matching word is searched, because a voice may write a word differently or omit it.
LOOK_AHEAD: Final = 60


@dataclass(frozen=True, slots=True)
class _Begun:
    """A changed span that the voice has begun to speak."""

    index: int
    start_ms: float
    end_ms: float
    is_estimated: bool


class SpokenWordMap:
    """Follows a voice through its spans, by the letters of the words that it reports.

    An unchanged span keeps the voice's own words.

    Attributes:
        has_changes: Whether any span was changed.
    """

    def __init__(self) -> None:
        self.has_changes = False
        self._spans: list[SpokenSpan] = []
        self._ends: list[int] = []  # end of each span, in letters
        self._letters = ""
        self._at = 0
        self._begun: _Begun | None = None

    def add(self, span: SpokenSpan) -> None:
        """Add the next span for the voice."""
        self.has_changes = self.has_changes or span.is_changed
        self._letters += _letters(span.spoken)
        self._spans.append(span)
        self._ends.append(len(self._letters))

    def take(self, words: Iterable[TimedWord]) -> list[TimedWord]:
        """Return the written words that end with these spoken words, with their times. A changed span counts as one
        word."""
        return [written for word in words for written in self._take(word)]

    def finish(self) -> list[TimedWord]:
        """Return the words of a span that the voice has only begun."""
        return list(self._end_begun())

    def _take(self, word: TimedWord) -> Iterator[TimedWord]:
        key = _letters(word.text)
        begin = self._find(key) if key else -1
        if begin < 0:
            if self._begun is None:
                yield word
            return
        index = bisect_right(self._ends, begin)
        if self._begun is not None and self._begun.index != index:
            yield from self._end_begun()
        self._at = begin + len(key)
        if not self._spans[index].is_changed:
            yield word
            return
        start_ms = self._begun.start_ms if self._begun is not None else word.start_ms
        self._begun = _Begun(index, start_ms, word.end_ms, word.is_estimated)
        if self._at >= self._ends[index]:
            yield from self._end_begun()

    def _find(self, key: str) -> int:
        if self._letters.startswith(key, self._at):
            return self._at
        return self._letters.find(key, self._at, self._at + LOOK_AHEAD + len(key))

    def _end_begun(self) -> Iterator[TimedWord]:
        """Yield the words of the span, which share its time by their lengths."""
        begun, self._begun = self._begun, None
        if begun is None:
            return
        tokens = self._spans[begun.index].written.split()
        length = sum(len(token) + 1 for token in tokens)
        pace = max(0.0, begun.end_ms - begun.start_ms) / max(1, length)
        for word in spread_words(tokens, begun.start_ms, pace):
            yield TimedWord(word.text, word.start_ms, word.end_ms, begun.is_estimated or len(tokens) > 1)


def _letters(text: str) -> str:
    folded = text.casefold()
    return folded if folded.isalnum() else "".join(filter(str.isalnum, folded))
