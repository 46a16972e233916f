"""English: the rules of the local voice, for the words that they change."""

import unicodedata
from typing import Final

from media.providers.local.normaliser import PAUSE, SpokenWord, normalise
from media.providers.normalisation.spans import SpokenSpan

_PAUSES: Final = (".", ",", "?", "!")


def read_english(text: str) -> list[SpokenSpan]:
    """A span for each written word. Words of letters stay as they are written: a voice knows more names than we do."""
    return [SpokenSpan(word.written, _speak(word)) for word in normalise(text)]


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
