"""Cuts a stream of words into pieces that a voice can speak: the first clause early, then whole sentences."""

import re

# A piece below this many characters is too short to sound natural by itself ("Well,").
SHORTEST = 12
# A clause may end a piece while the caller is still waiting for the first sound, or when the sentence grows too long.
LONGEST = 160

_SENTENCE_END = re.compile(r"[.!?…]+[\"')\]]*\s+")
_CLAUSE_END = re.compile(r"[,;:\u2013\u2014][\"')\]]*\s+|\n+")
_ABBREVIATION = re.compile(
    r"(?:^|\s)(?:mr|mrs|ms|dr|prof|st|ave|blvd|rd|no|vs|etc|inc|ltd|co|jr|sr|approx|ext|a\.m|p\.m|e\.g|i\.e|[a-z])\.\s+$",
    re.IGNORECASE,
)


class Sentences:
    """Streaming splitter: feed deltas, take pieces; the pieces joined are exactly the text fed."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, delta: str) -> list[str]:
        """Takes the next words; returns the pieces that are complete (an end is known only by what follows it)."""
        self._text += delta
        pieces = []
        while end := self._end():
            pieces.append(self._text[:end])
            self._text = self._text[end:]
            self._first = False
        return pieces

    def flush(self) -> list[str]:
        """The rest, when no more words will come."""
        rest, self._text = self._text, ""
        return [rest] if rest.strip() else []

    def _end(self) -> int:
        sentence = self._first_end(_SENTENCE_END)
        if sentence and not self._first:
            return sentence
        clause = self._first_end(_CLAUSE_END) if self._first or len(self._text) > LONGEST else 0
        return min((end for end in (sentence, clause) if end), default=0)

    def _first_end(self, pattern: re.Pattern[str]) -> int:
        """Index behind the first boundary that leaves a piece worth speaking; 0 when there is none yet."""
        for match in pattern.finditer(self._text):
            piece = self._text[: match.end()]
            if len(piece.strip()) >= SHORTEST and not _ABBREVIATION.search(piece):
                return match.end()
            if match.group().strip() in ("?", "!") and piece.strip():
                return match.end()
        return 0
