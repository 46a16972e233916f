"""Divides a written text into spans, each with its spoken text for a voice. Pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """A stretch of the written text, and its spoken text, both with their white space.

    The concatenation of the `written` texts of all spans is the text.
    """

    written: str
    spoken: str

    @property
    def is_changed(self) -> bool:
        """Whether the spoken text differs from the written text."""
        return self.written != self.spoken


# Divides a text into spans.
SpanReader = Callable[[str], Sequence[SpokenSpan]]


def split_tokens(text: str) -> list[str]:
    """Return the words of a text with the white space around them. Their concatenation is the text."""
    return _TOKEN.findall(text) or ([text] if text else [])


def read_as_written(text: str) -> list[SpokenSpan]:
    """Return an unchanged span for each word."""
    return [SpokenSpan(token, token) for token in split_tokens(text)]
