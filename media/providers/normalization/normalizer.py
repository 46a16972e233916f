"""What a voice is given of an agent's texts: by the agent's language, its pronunciations, and the voice's own skill."""

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

# By the language of a BCP 47 tag. Texts in others are given to the voice as they are written.
READERS: Final[Mapping[str, SpanReader]] = {
    "en": read_english,
    "es": FigureReader(SPANISH).read,
    "de": FigureReader(GERMAN).read,
    "fr": FigureReader(FRENCH).read,
}
# Before a number these are dates (Mar 3), rooms and streets.
_OPENING: Final = word_list(
    "jan feb mar apr jun jul aug sep sept oct nov dec eur usd gbp no nos suite room apt z n\u00ba n\u00b0 c/ m"
)
# Letters of a bank's code within an account's number: GB29 NWBK 6016 1331 9268 19.
_BANK_CODE: Final = 4


@dataclass(frozen=True, slots=True)
class TextNormalizer:
    """Of one voice in a call. reads_figures: the voice says them well itself, so that only pronunciations count.
    whole_pieces, ends_with_blank: as of `SpokenTextStream`. language: that the pronunciations are for (BCP 47); empty:
    any."""

    reads_figures: bool = False
    pronunciations: Sequence[Pronunciation] = ()
    whole_pieces: bool = False
    language: str = ""
    ends_with_blank: bool = False

    def open(self, text: AsyncIterator[str], language: str) -> SpokenTextStream | None:
        """The text for the voice; None where it is given as it is written."""
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
