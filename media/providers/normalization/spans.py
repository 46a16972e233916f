"""A written text in spans, each with what a voice is given for it; pure."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

_TOKEN: Final = re.compile(r"\s*\S+\s*")


@dataclass(frozen=True, slots=True)
class SpokenSpan:
    """A stretch of the written text, of one word or more, and what a voice is given for it, both with their white
    space. Joined, the `written` of all spans are the text."""

    written: str
    spoken: str

    @property
    def is_changed(self) -> bool:
        """Whether the voice says other words than are written."""
        return self.written != self.spoken


# Divides a text into spans.
SpanReader = Callable[[str], Sequence[SpokenSpan]]


def split_tokens(text: str) -> list[str]:
    """The words of a text with the white space around them; joined they are the text."""
    return _TOKEN.findall(text) or ([text] if text else [])


def read_as_written(text: str) -> list[SpokenSpan]:
    """A span for each word, none changed."""
    return [SpokenSpan(token, token) for token in split_tokens(text)]
