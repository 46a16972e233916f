"""What stands around a written word, as far as it changes how the word is read."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

_BARE = re.compile(r"^\W+|\W+$")


@dataclass(frozen=True, slots=True)
class Context:
    """before, after: the neighbouring words, bare and in lower case, "" at the ends.

    currency: the sign that the word before begins with ("$" of "$1.5 million"), or "".
    shouting: the whole text is in capitals, so that capitals mean nothing.
    """

    before: str = ""
    after: str = ""
    next_is_capital: bool = False
    is_last: bool = True
    currency: str = ""
    shouting: bool = False

    @classmethod
    def of(cls, tokens: Sequence[str], index: int) -> "Context":
        """The context of one of a text's words."""
        before = tokens[index - 1] if index else ""
        after = tokens[index + 1] if index + 1 < len(tokens) else ""
        letters = [token for token in tokens if token.strip(" .,!?").isalpha()]
        shouting = len(letters) > 1 and all(token.isupper() for token in letters)
        return cls(
            before=bare(before).lower(),
            after=bare(after).lower(),
            next_is_capital=bare(after)[:1].isupper(),
            is_last=not after,
            currency=before.strip()[:1] if before.strip()[:1] in ("$", "€", "£") else "",
            shouting=shouting,
        )


def word_list(text: str) -> tuple[str, ...]:
    """Words written one behind the other, for tables."""
    return tuple(text.split())


def bare(token: str) -> str:
    """A word without the punctuation and white space around it."""
    return _BARE.sub("", token)
