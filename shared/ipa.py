"""Checks pronunciations in the International Phonetic Alphabet. Pure."""

import re
import unicodedata
from typing import Final

# Letters, IPA extensions, modifiers and diacritics; stress, length, syllables, links and blanks. Voices reject others.
SIGNS: Final = "a-z\u00e6\u00e7\u00f0\u00f8\u0127\u014b\u0153\u03b2\u03b8\u03c7\u0250-\u02ff\u0300-\u036f\u1d7b\u203f. "
LONGEST_IPA: Final = 120
_OTHER_SIGN: Final = re.compile(f"[^{SIGNS}]")


def split_signs(ipa: str) -> str:
    """Split signs that combine a letter and a diacritic, as keyboards write "\u00e3", into two characters."""
    return _OTHER_SIGN.sub(lambda sign: unicodedata.normalize("NFD", sign[0]), ipa)
