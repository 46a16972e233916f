"""Joins the text of a second model to that of a first model that stopped midway. Pure text processing."""

import re

from shared.providers.word_timing import word_key

# The minimum number of letters for a last word that may be cut ("appoint") to count as the beginning of another word.
SHORTEST_FRAGMENT = 3
_DOTS = re.compile(r"^\s*(?:…|\.\.\.)\s*")


class ContinuationJoiner:
    """Filters the second model's text as it streams, and drops a repetition of the end (or all) of the earlier text.

    A repetition may differ in case, spacing and punctuation. Text is held back only while it may still be a repetition.
    """

    def __init__(self, said: str) -> None:
        self._said = said
        self._keys = [word_key(word) for word in said.split()]
        self._cut = bool(said) and said[-1].isalnum()
        self._held = ""
        self._joined = not self._keys

    def feed(self, text: str) -> str:
        """Add the next piece of the second model's text. Return the text that can be spoken now, which is often
        empty."""
        if self._joined:
            return text
        self._held += text
        return "" if self._undecided() else self._join()

    def end(self) -> str:
        """End the text. Return the text that was held back and still has to be spoken."""
        if self._joined:
            return ""
        words = self._held.split()
        if any(_begins(self._keys[-count:], words) for count in range(len(words) + 1, len(self._keys) + 1)):
            return ""  # the text ended within a repetition
        return self._join()

    def _undecided(self) -> bool:
        """Whether the held words are, or may become, a repetition of the last words that were said."""
        whole, partial = _whole_and_partial(_DOTS.sub("", self._held))
        if not whole and not partial:
            return True
        for count in range(len(whole) + 1, len(self._keys) + 1):
            tail = self._keys[-count:]
            if _begins(tail, whole) and tail[len(whole)].startswith(partial[: len(tail[len(whole)])]):
                return True
        return False

    def _join(self) -> str:
        self._joined = True
        held = _DOTS.sub("", self._held)
        spans = [match.span() for match in re.finditer(r"\S+", held)]
        for count in range(min(len(spans), len(self._keys)), 0, -1):
            words = [held[start:end] for start, end in spans[:count]]
            if self._repeats(self._keys[-count:], words):
                start, end = spans[count - 1]
                return self._after(held, start, end)
        return self._spaced(held)

    def _repeats(self, tail: list[str], words: list[str]) -> bool:
        *firsts, last = words
        if not _begins(tail, firsts):
            return False
        return tail[-1] == word_key(last) or (self._is_fragment(tail[-1]) and word_key(last).startswith(tail[-1]))

    def _is_fragment(self, key: str) -> bool:
        return self._cut and len(key) >= SHORTEST_FRAGMENT

    def _after(self, held: str, start: int, end: int) -> str:
        """Return the text after the repetition, whose last word is held[start:end]. If that word was cut, the text
        begins with its rest."""
        if not self._cut:
            return self._spaced(held[end:])  # the word's own punctuation was also said
        inside = re.search(re.escape(self._keys[-1]), held[start:end].casefold())
        return held[start + inside.end() :] if inside else held[end:]

    def _spaced(self, text: str) -> str:
        text = text.lstrip()
        glued = not self._said[-1].isspace() and text[:1] not in tuple(",.;:!?")
        return f" {text}" if text and glued else text


def _begins(tail: list[str], words: list[str]) -> bool:
    return len(words) <= len(tail) and all(word_key(word) == key for word, key in zip(words, tail, strict=False))


def _whole_and_partial(held: str) -> tuple[list[str], str]:
    """Return the complete words, and the key of the last word, which may still grow."""
    words = held.split()
    if not words or held[-1].isspace():
        return words, ""
    return words[:-1], word_key(words[-1])
