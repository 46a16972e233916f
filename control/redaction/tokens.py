"""Cuts texts into words and the few signs that matter, in time linear in their length."""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

# A word of letters and digits, or one sign of an e-mail address. Neither alternative can match the same text twice.
_TOKEN: Final = re.compile(r"[^\W_]+|[@._+-]")
# Placeholders of ours; what stands in one is read as nothing.
_PLACEHOLDER: Final = re.compile(r"\[redacted: [a-z -]{1,20}\]")


class Token(NamedTuple):
    """A word or sign.

    Attributes:
        utterance: Its place in the sequence of texts.
        start, end: Characters in that text.
        text: In lower case without accents; digits of all scripts as 0 to 9.
    """

    utterance: int
    start: int
    end: int
    text: str

    @property
    def is_word(self) -> bool:
        """Whether it is no sign."""
        return self.text[0] not in "@._+-"


def tokenize(texts: Iterable[tuple[int, str]]) -> list[Token]:
    """Return the tokens of several texts, each given with its place, in order."""
    return [token for place, text in texts for token in _tokens(place, text)]


def _tokens(place: int, text: str) -> Iterator[Token]:
    if "[redacted: " in text:
        text = _PLACEHOLDER.sub(lambda found: " " * len(found[0]), text)
    for found in _TOKEN.finditer(text):
        word = normalize(found[0])
        if word:
            yield Token(place, found.start(), found.end(), word)


def normalize(word: str) -> str:
    """Lower case, without accents, digits of all scripts as 0 to 9."""
    if word.isascii():
        return word.lower()
    plain = (
        character
        for character in unicodedata.normalize("NFKD", word.casefold())
        if not unicodedata.combining(character)
    )
    return "".join(str(unicodedata.decimal(character, character)) for character in plain)


def word_set(text: str) -> frozenset[str]:
    """Return the words of a text, normalized."""
    return frozenset(map(normalize, text.split()))
