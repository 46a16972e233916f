"""Cuts a stream of words into pieces for a voice: an early first clause, then whole sentences."""

import re

# A shorter piece does not sound natural by itself ("Well,").
SHORTEST = 12
# A clause may end a piece if the caller still waits for the first sound, or if the sentence grows too long.
LONGEST = 160
# Text without punctuation is cut between two words, the first piece sooner. Text without blanks is cut anywhere.
FIRST_LONGEST = 80
UNBROKEN = 2 * LONGEST

# The punctuation of Latin, Arabic and Indian scripts needs a space after it. That of Chinese and Japanese does not.
_CLOSING = r"[\"'\u201d\u2019)\]]*"
_SENTENCE_END = re.compile(rf"[.!?…\u061f\u0964]+{_CLOSING}\s+|[\u3002\uff01\uff1f]+[\u300d\u300f\uff09]*\s*|\n+")
_CLAUSE_END = re.compile(rf"[,;:\u060c\u061b\u2013\u2014]{_CLOSING}\s+|[\uff0c\u3001\uff1b\uff1a]\s*")
_BLANK = re.compile(r"\s+")
# A full stop does not end a sentence after titles, places, months, single letters (initials, "a.m.", "U.S."), and
# ordinals or list numbers ("1. First", "am 3. Oktober"). Longer numbers do end sentences ("Your code is 4417.").
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'])(?:"
    r"mr|mrs|ms|mx|dr|prof|rev|hon|sr|jr|st|mt|ft|ave|blvd|rd|ln|hwy|apt|dept|no|nr|vs|etc|inc|ltd|co|corp|est|approx|"
    r"ext|tel|max|min|jan|feb|mar|apr|jun|jul|aug|sept?|oct|nov|dec|(?:[a-z]\.)*[a-z]|\d{1,2}"
    r")\.\s+$",
    re.IGNORECASE,
)


class SentenceSplitter:
    """Splits a stream of text into pieces. Joined together, they are the text except for blanks at its end."""

    def __init__(self) -> None:
        self._text = ""
        self._first = True

    def feed(self, delta: str) -> list[str]:
        """Add the next words. Return the complete pieces; only the words after an end show that it is one."""
        self._text += delta
        pieces = []
        while end := self._end():
            pieces.append(self._text[:end])
            self._text = self._text[end:]
            self._first = False
        return pieces

    def flush(self) -> list[str]:
        """Return the rest when no more words will come."""
        rest, self._text = self._text, ""
        return [rest] if rest.strip() else []

    def _end(self) -> int:
        sentence = self._first_end(_SENTENCE_END)
        if sentence and not self._first:
            return sentence
        clause = self._first_end(_CLAUSE_END) if self._first or len(self._text) > LONGEST else 0
        return min((end for end in (sentence, clause) if end), default=0) or self._forced_end()

    def _first_end(self, pattern: re.Pattern[str]) -> int:
        """Return the index after the first boundary that leaves a piece long enough to speak, or 0."""
        for match in pattern.finditer(self._text):
            piece = self._text[: match.end()]
            if len(piece.strip()) >= SHORTEST and not _ABBREVIATION.search(piece):
                return match.end()
            if match.group().strip() in ("?", "!") and piece.strip():
                return match.end()
        return 0

    def _forced_end(self) -> int:
        """Return the index after the last blank of a text that is too long without a boundary, or 0."""
        if len(self._text) <= (FIRST_LONGEST if self._first else LONGEST):
            return 0
        blanks = [match.end() for match in _BLANK.finditer(self._text) if self._text[: match.end()].strip()]
        if blanks:
            return blanks[-1]
        return UNBROKEN if len(self._text) > UNBROKEN else 0
