"""An agent's pronunciations in IPA, for voices that take them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.plan import Pronunciation
from shared.vendor_languages import base_language


@dataclass(frozen=True, slots=True)
class Phonemes:
    """language: of the voices' text that they are for (BCP 47), because a voice has the sounds of its language."""

    language: str = ""
    entries: Sequence[Pronunciation] = ()

    def find(self, language: str) -> Mapping[str, str]:
        """IPA by the written word, in lower case; none in another language."""
        if not self.entries or base_language(language) != base_language(self.language):
            return {}
        return {one.word.lower(): one.ipa for one in self.entries}


NO_PHONEMES: Final = Phonemes()
