"""Prepares an agent's text for one voice, according to the agent's language, its pronunciations and the voice's
abilities."""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from media.providers.english import word_list
from media.providers.normalization.english import read_english
from media.providers.normalization.figures import FigureReader
from media.providers.normalization.languages import FRENCH, GERMAN, SPANISH
from media.providers.normalization.lexicon import with_pronunciations
from media.providers.normalization.spans import SpanReader, read_as_written
from media.providers.normalization.text_stream import SpokenTextStream
from shared.language_codes import base_language
from shared.plan import Pronunciation

# Readers by the base language of a BCP 47 tag. Texts in other languages reach the voice as they are written.
READERS: Final[Mapping[str, SpanReader]] = {
    "en": read_english,
    "es": FigureReader(SPANISH).read,
    "de": FigureReader(GERMAN).read,
    "fr": FigureReader(FRENCH).read,
}
# A number after one of these words belongs to a date (Mar 3), a room or a street.
_OPENING: Final = word_list(
    "jan feb mar apr jun jul aug sep sept oct nov dec eur usd gbp no nos suite room apt z n\u00ba n\u00b0 c/ m"
)
# The number of letters of a bank code in an account number: GB29 NWBK 6016 1331 9268 19.
_BANK_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class TextNormalizer:
    """The text preparation for one voice in a call.

    Attributes:
        reads_figures: The voice reads figures well, so only pronunciations are applied.
        whole_pieces: Each piece of text is a whole clause or sentence.
        language: The language of the pronunciations (BCP 47). If it is empty, they apply to all languages.
        ends_with_blank: Each piece for the voice must end with a blank.
    """

    reads_figures: bool = False
    pronunciations: Sequence[Pronunciation] = ()
    whole_pieces: bool = False
    language: str = ""
    ends_with_blank: bool = False

    def open(self, text: AsyncIterator[str], language: str) -> SpokenTextStream | None:
        """Return the prepared text for the voice, or None if the voice gets the text as it is written."""
        base = base_language(language)
        known = None if self.reads_figures else READERS.get(base)
        is_theirs = base_language(self.language or language) == base
        pronunciations = self.pronunciations if is_theirs else ()
        if known is None and not pronunciations and not self.ends_with_blank:
            return None
        read = with_pronunciations(known or read_as_written, pronunciations)
        return SpokenTextStream(
            text, read, _opens, whole_pieces=self.whole_pieces, ends_with_blank=self.ends_with_blank
        )


def _opens(token: str) -> bool:
    bare = token.strip("(\"'.")
    return bare.lower() in _OPENING or (len(bare) == _BANK_CODE and bare.isalpha() and bare.isupper())
