"""Splits texts into words and the few signs that matter, in time linear in their length."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

# A word of letters and digits, or a sign of an e-mail address. The alternatives cannot match one text twice.
_TOKEN: Final = re.compile(r"[^\W_]+|[@._+-]")
# Placeholders that redaction inserted. Their text is ignored.
_PLACEHOLDER: Final = re.compile(r"\[redacted: [a-z -]{1,20}\]")


class Token(NamedTuple):
    """A word or sign.

    Attributes:
        utterance: Index of its text in the sequence of texts.
        start: Index of the first character in that text.
        end: Index after the last character in that text.
        text: Lower case, without accents; digits of all scripts as 0 to 9.
    """

    utterance: int
    start: int
    end: int
    text: str

    @property
    def is_word(self) -> bool:
        """Return whether the token is a word, not a sign."""
        return self.text[0] not in "@._+-"


def tokenize(texts: Iterable[tuple[int, str]]) -> list[Token]:
    """Return the tokens of several texts in order. Each text is given with its index."""
    return [token for place, text in texts for token in _tokens(place, text)]


def _tokens(place: int, text: str) -> Iterator[Token]:
    if "[redacted: " in text:
        text = _PLACEHOLDER.sub(lambda found: " " * len(found[0]), text)
    for found in _TOKEN.finditer(text):
        word = normalize(found[0])
        if word:
            yield Token(place, found.start(), found.end(), word)


def normalize(word: str) -> str:
    """Return the word in lower case, without accents, and with the digits of all scripts as 0 to 9."""
    if word.isascii():
        return word.lower()
    plain = (
        character
        for character in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(character)
    )
    return "".join(str(unicodedata.decimal(character, character)) for character in plain)


def word_set(text: str) -> frozenset[str]:
    """Return the normalized words of a text."""
    return frozenset(map(normalize, text.split()))
