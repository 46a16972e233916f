"""An agent's pronunciations in IPA, for voices that take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.language_codes import base_language
from shared.plan import Pronunciation

# Codes in vendors' locales, by what agents may call the language.
_OTHER_CODES: Final[Mapping[str, str]] = {"zh": "cmn", "no": "nb", "nn": "nb", "iw": "he", "tl": "fil"}


@dataclass(frozen=True, slots=True)
class Phonemes:
    """language: of the voices' text that they are for (BCP 47), because a voice has the sounds of its language."""

    language: str = ""
    entries: Sequence[Pronunciation] = ()

    def find(self, language: str) -> Mapping[str, str]:
        """IPA by the written word, in lower case; none in another language."""
        if not self.entries or _code_of(language) != _code_of(self.language):
            return {}
        return {entry.word.lower(): entry.ipa for entry in self.entries}


NO_PHONEMES: Final = Phonemes()


def _code_of(language: str) -> str:
    base = base_language(language)
    return _OTHER_CODES.get(base, base)
