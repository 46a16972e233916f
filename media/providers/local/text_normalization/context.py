"""The neighbors of a written word that change how it is spoken."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BARE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class WordContext:
    """The neighbors of a word.

    Attributes:
        before: The previous word, bare and in lower case, or "".
        after: The next word, bare and in lower case, or "".
        earlier: The word in front of `before`, or "".
        currency: The sign that the previous word begins with ("$" of "$1.5 million"), or "".
        shouting: Whether the whole text is in capitals, so that capitals do not mark abbreviations.
    """

    before: str = ""
    after: str = ""
    earlier: str = ""
    next_is_capital: bool = False
    is_last: bool = True
    currency: str = ""
    shouting: bool = False

    @classmethod
    def of(cls, tokens: Sequence[str], index: int, *, shouting: bool) -> "WordContext":
        """Return the context of the token at `index`."""
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        return cls(
            before=strip_punctuation(before).lower(),
            after=strip_punctuation(after).lower(),
            earlier=strip_punctuation(tokens[index - 2]).lower() if index > 1 else "",
            next_is_capital=strip_punctuation(after)[:1].isupper(),
            is_last=not after,
            currency=before.strip()[:1] if before.strip()[:1] in ("$", "€", "£") else "",
            shouting=shouting,
        )


def is_shouting(tokens: Sequence[str]) -> bool:
    """Return whether a text is in capitals."""
    letters = [token for token in tokens if token.strip(" .,!?").isalpha()]
    return len(letters) > 1 and all(token.isupper() for token in letters)


def strip_punctuation(token: str) -> str:
    """Remove punctuation and white space around a word."""
    return _BARE.sub("", token)
