"""English text for a voice: applies the rules of the local voice, but only to words that they change."""

import unicodedata
from collections.abc import Sequence
from typing import Final

from media.providers.english import word_list
from media.providers.local.normalizer import PAUSE, SpokenWord, normalize
from media.providers.normalization.spans import SpokenSpan

_PAUSES: Final = (".", ",", "?", "!")
_CURRENCY_SIGNS: Final = frozenset("$\u20ac\u00a3\u00a5\u20b9\u00a2")
_CURRENCY_NAMES: Final = frozenset(word_list("dollar dollars euro euros pound pounds yen cent cents penny pence"))


def read_english(text: str) -> list[SpokenSpan]:
    """Return a span for each written word.

    Words of letters stay as they are written, because a voice pronounces names better than these rules. Money in an
    unknown form also stays, because the rules would read only the number.
    """
    words = normalize(text)
    behind: list[Sequence[str]] = [word.spoken for word in words[1:]]  # "$1.5 million": the currency follows the scale
    return [
        SpokenSpan(word.written, word.written if _loses_currency(word, after) else _speak(word))
        for word, after in zip(words, [*behind, ()], strict=False)
    ]


def _loses_currency(word: SpokenWord, after: Sequence[str]) -> bool:
    has_sign = not _CURRENCY_SIGNS.isdisjoint(word.written)
    return has_sign and _CURRENCY_NAMES.isdisjoint((*word.spoken, *after))


def _speak(word: SpokenWord) -> str:
    if not word.spoken or _letters(word.written) == _letters("".join(word.spoken)):
        return word.written
    written = word.written
    head = written[: len(written) - len(written.lstrip())]
    tail = written[len(written.rstrip()) :]
    said = ""
    for item in word.spoken:
        said += item if item == PAUSE else f" {item}"
    stop = word.stop if word.stop and not said.endswith(_PAUSES) else ""
    return f"{head}{said.strip()}{stop}{tail}"


def _letters(text: str) -> str:
    decomposed = unicodedata.normalize("NFKD", text.replace("\u2019", "'")).casefold()
    return "".join(filter(str.isalnum, decomposed))
