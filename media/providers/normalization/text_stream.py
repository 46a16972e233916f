"""Converts a stream of written text to spoken text for a voice, and maps the word times back to the written words."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from media.providers.normalization.fractions import GLYPHS
from media.providers.normalization.spans import SpanReader, SpokenSpan, split_tokens
from media.providers.normalization.word_map import SpokenWordMap
from media.providers.ports import SpeechChunk, TimedWord

# The maximum number of words that are held back because the next word may belong to them. The longest telephone and
# account numbers have nine groups (an IBAN of 34 characters in fours).
MOST_HELD: Final = 12
LONGEST_HELD: Final = 120  # characters
# A longer word with a full stop is the end of a sentence.
_LONGEST_ABBREVIATION: Final = 7
_SIGNS: Final = frozenset("$\u20ac\u00a3+(#<>\u2264\u2265" + GLYPHS)
_ENDS: Final = (",", ";", "!", "?", ":")

# Returns whether the next word may change how this word (bare) is read, although it contains no figure.
Opens = Callable[[str], bool]


class SpokenTextStream:
    """Iterates over the text for the voice. A number, amount or address that arrives in pieces is joined.

    Args:
        whole_pieces: Every piece of the source is a clause or sentence, so nothing is held back at its end.
        ends_with_blank: A blank is added to each piece without one at its end.

    Attributes:
        sent_characters: The number of characters that the voice received.
    """

    def __init__(
        self,
        source: AsyncIterator[str],
        read: SpanReader,
        opens: Opens,
        *,
        whole_pieces: bool = False,
        ends_with_blank: bool = False,
    ) -> None:
        self._source = source
        self._read = read
        self._opens = opens
        self._whole_pieces = whole_pieces
        self._ends_with_blank = ends_with_blank
        self._held = ""
        self._before = ""  # the last words for the voice, which are the context of the next words
        self._ready: deque[str] = deque()
        self._has_ended = False
        self._map = SpokenWordMap()
        self.sent_characters = 0

    def __aiter__(self) -> "SpokenTextStream":
        return self

    async def __anext__(self) -> str:
        while not self._ready:
            if self._has_ended:
                raise StopAsyncIteration
            try:
                self._take(await anext(self._source))
            except StopAsyncIteration:
                self._has_ended = True
                self._give(len(self._held))
        piece = self._ready.popleft()
        if self._ends_with_blank and piece and not piece[-1].isspace():
            piece += " "
        self.sent_characters += len(piece)
        return piece

    def to_written(self, chunk: SpeechChunk) -> SpeechChunk:
        """Return the voice's audio with the written words."""
        if not chunk.words or not self._map.has_changes:
            return chunk
        return SpeechChunk(chunk.audio, tuple(self._map.take(chunk.words)))

    def finish(self) -> list[TimedWord]:
        """Return the written words that the voice began but did not report to their ends."""
        return self._map.finish()

    def _take(self, piece: str) -> None:
        self._held += piece
        if not piece:
            self._give(len(self._held))
            self._ready.append("")
        else:
            self._give(len(self._held) if self._whole_pieces else self._complete_length())

    def _complete_length(self) -> int:
        """Return the length of the held text that no further word can change."""
        tokens = split_tokens(self._held)
        if not tokens:
            return 0
        count = len(tokens) if tokens[-1][-1].isspace() else len(tokens) - 1
        complete = count
        while count and self._is_open(tokens[count - 1].strip()):
            count -= 1
        return sum(map(len, tokens[: complete if complete - count >= MOST_HELD else count]))

    def _is_open(self, token: str) -> bool:
        if token.endswith(_ENDS):
            return False
        if any(map(str.isdecimal, token)) or not _SIGNS.isdisjoint(token):
            return True
        return (token.endswith(".") and len(token) <= _LONGEST_ABBREVIATION) or self._opens(token)

    def _give(self, length: int) -> None:
        """Pass this length of the held text to the voice, or less if an expression may continue after it."""
        if not length:
            return
        is_last = length == len(self._held)
        spans = self._spans(self._held[:length], self._held[length:])
        text = "".join(span.written for span in spans)
        if len(text) < length and (is_last or len(self._held) > LONGEST_HELD):
            text = self._held[:length]
            spans = self._read(text)
        self._held = self._held[len(text) :]
        for span in spans:
            self._map.add(span)
        self._before = "".join(split_tokens(self._before + text)[-2:])
        if text:
            self._ready.append("".join(span.spoken for span in spans) or text)

    def _spans(self, text: str, after: str) -> Sequence[SpokenSpan]:
        """Read the text between its neighbors. Return the spans in it, up to the first that extends beyond it."""
        spans: list[SpokenSpan] = []
        at, end = -len(self._before), len(text)
        for span in self._read(self._before + text + after):
            begins, at = at, at + len(span.written)
            if begins < 0 < at:  # the span begins in text that the voice already received
                return list(self._read(text))
            if begins >= 0 and at <= end:
                spans.append(span)
        return spans
