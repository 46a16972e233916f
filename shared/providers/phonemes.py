"""An agent's pronunciations in IPA, for voices that accept IPA."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.language_codes import base_language
from shared.plan import Pronunciation

# Codes in vendors' locales, by the codes that agents may use for the language.
_OTHER_CODES: Final[Mapping[str, str]] = {"zh": "cmn", "no": "nb", "nn": "nb", "iw": "he", "tl": "fil"}


@dataclass(frozen=True, slots=True)
class Phonemes:
    """Pronunciations for texts in `language` (BCP 47), because a voice has only the sounds of its language."""

    language: str = ""
    entries: Sequence[Pronunciation] = ()

    def find(self, language: str) -> Mapping[str, str]:
        """Return IPA by the written word in lower case; empty for another language."""
        if not self.entries or _code_of(language) != _code_of(self.language):
            return {}
        return {entry.word.lower(): entry.ipa for entry in self.entries}


NO_PHONEMES: Final = Phonemes()


def _code_of(language: str) -> str:
    base = base_language(language)
    return _OTHER_CODES.get(base, base)
