"""Cuts a stream of words into pieces for a voice: an early first clause, then whole sentences."""

import re

# A piece below this many characters is too short to sound natural by itself ("Well,").
SHORTEST = 12
# A clause may end a piece while the caller is still waiting for the first sound, or when the sentence grows too long.
LONGEST = 160
# Words without any punctuation are cut between two of them, the first piece sooner; without blanks, anywhere.
FIRST_LONGEST = 80
UNBROKEN = 2 * LONGEST

# Ends as Latin, Arabic and Indian scripts write them need a space after them; those of Chinese and Japanese don't.
_CLOSING = r"[\"'\u201d\u2019)\]]*"
_SENTENCE_END = re.compile(rf"[.!?…\u061f\u0964]+{_CLOSING}\s+|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*\s*|\n+")
_CLAUSE_END = re.compile(rf"[,;:\u060c\u061b\u2013\u2014]{_CLOSING}\s+|[\uff0c\u3001\uff1b\uff1a]\s*")
_BLANK = re.compile(r"\s+")
# A full stop does not end a sentence after titles, places, months, single letters (initials, "a.m.", "U.S."), and after
# ordinals or list numbers ("1. First", "am 3. Oktober"); longer numbers do end sentences ("Your code is 4417.").
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:"
    r"mr|mrs|ms|mx|dr|prof|rev|hon|sr|jr|st|mt|ft|ave|blvd|rd|ln|hwy|apt|dept|no|nr|vs|etc|inc|ltd|co|corp|est|approx|"
    r"ext|tel|max|min|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|(?:[a-z]\.)*[a-z]|\d{1,2}"
    r")\.\s+$",
    re.IGNORECASE,
)


class SentenceSplitter:
    """Streaming splitter: takes text deltas, returns pieces; joined they are the text but for blanks at its end."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, delta: str) -> list[str]:
        """Takes the next words; returns the complete pieces (an end is known only by what follows it)."""
        self._text += delta
        pieces = []
        while end := self._end():
            pieces.append(self._text[:end])
            self._text = self._text[end:]
            self._first = False
        return pieces

    def flush(self) -> list[str]:
        """Returns the rest when no more words will come."""
        rest, self._text = self._text, ""
        return [rest] if rest.strip() else []

    def _end(self) -> int:
        sentence = self._first_end(_SENTENCE_END)
        if sentence and not self._first:
            return sentence
        clause = self._first_end(_CLAUSE_END) if self._first or len(self._text) > LONGEST else 0
        return min((end for end in (sentence, clause) if end), default=0) or self._forced_end()

    def _first_end(self, pattern: re.Pattern[str]) -> int:
        """Index after the first boundary that leaves a piece long enough to speak; 0 if there is none yet."""
        for match in pattern.finditer(self._text):
            piece = self._text[: match.end()]
            if len(piece.strip()) >= SHORTEST and not _ABBREVIATION.search(piece):
                return match.end()
            if match.group().strip() in ("?", "!") and piece.strip():
                return match.end()
        return 0

    def _forced_end(self) -> int:
        """Index after the last blank of a text that is too long without a boundary; 0 before that."""
        if len(self._text) <= (FIRST_LONGEST if self._first else LONGEST):
            return 0
        blanks = [match.end() for match in _BLANK.finditer(self._text) if self._text[: match.end()].strip()]
        if blanks:
            return blanks[-1]
        return UNBROKEN if len(self._text) > UNBROKEN else 0
