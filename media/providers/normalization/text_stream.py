"""A voice's text on its way: read as it is written, given to the voice as it is spoken; and the timings back."""

from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Final

from media.providers.normalization.fractions import GLYPHS
from media.providers.normalization.spans import SpanReader, SpokenSpan, split_tokens
from media.providers.normalization.word_map import SpokenWordMap
from media.providers.ports import SpeechChunk, TimedWord

# Words that are kept back at most, because the next one may belong to them: the longest numbers of telephones and
# accounts have nine groups (an IBAN of 34 characters in fours).
MOST_HELD: Final = 12
LONGEST_HELD: Final = 120  # characters
# A longer abbreviation with a full stop is a sentence's end.
_LONGEST_ABBREVIATION: Final = 7
_SIGNS: Final = frozenset("$\u20ac\u00a3+(#<>\u2264\u2265" + GLYPHS)
_ENDS: Final = (",", ";", "!", "?", ":")

# Whether the word after this one (bare) may change how it is said, though it has no figure.
Opens = Callable[[str], bool]


class SpokenTextStream:
    """Iterates what the voice is given. A number, an amount or an address that comes piece by piece is given whole.

    whole_pieces: every piece of the source is a clause or sentence, so that nothing is kept back at its end.
    ends_with_blank: each piece gets a blank at its end where it has none.
    sent_characters: how many the voice was given.
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
        self._before = ""  # the last words that were given: they are the context of the next ones
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
        """The voice's audio with its words as they are written."""
        if not chunk.words or not self._map.has_changes:
            return chunk
        return SpeechChunk(chunk.audio, tuple(self._map.take(chunk.words)))

    def finish(self) -> list[TimedWord]:
        """The written words that the voice began and did not report to their ends."""
        return self._map.finish()

    def _take(self, piece: str) -> None:
        self._held += piece
        if not piece:
            self._give(len(self._held))
            self._ready.append("")
        else:
            self._give(len(self._held) if self._whole_pieces else self._complete_length())

    def _complete_length(self) -> int:
        """How much of the held text no further word can change."""
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
        """Gives the voice so much of the held text; less where an expression may go on beyond it."""
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
        """Reads the text between its neighbors; the spans that lie in it, up to the first that goes beyond it."""
        spans: list[SpokenSpan] = []
        at, end = -len(self._before), len(text)
        for span in self._read(self._before + text + after):
            begins, at = at, at + len(span.written)
            if begins < 0 < at:  # it began in what was given already
                return list(self._read(text))
            if begins >= 0 and at <= end:
                spans.append(span)
        return spans
