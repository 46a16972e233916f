"""Pronunciations in the International Phonetic Alphabet: which signs they have, and which voices take them; pure.

Azure takes them in SSML, but not of its HD voices ("Phonetic pronunciation", "Neural HD voices"); Google as a list
beside the text of Chirp 3: HD ("Custom pronunciations").
"""

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import Any, Final

# Letters, IPA extensions, modifiers and diacritics; stress, length, syllables, links and blanks. Voices refuse others.
SIGNS: Final = "a-z\u00e6\u00e7\u00f0\u00f8\u0127\u014b\u0153\u03b2\u03b8\u03c7\u0250-\u02ff\u0300-\u036f\u1d7b\u203f. "
LONGEST_IPA: Final = 120
_OTHER_SIGN: Final = re.compile(f"[^{SIGNS}]")
_CHIRP: Final = "chirp3-hd"


def takes_ipa(vendor: str, options: Mapping[str, Any]) -> bool:
    """Whether a voice takes IPA. options: of the plan; what is not in them has the vendor's default."""
    known = _VOICES.get(vendor)
    return known is not None and known(options)


def split_signs(ipa: str) -> str:
    """The same with letter and diacritic apart where both are one sign, as keyboards write "\u00e3"."""
    return _OTHER_SIGN.sub(lambda sign: unicodedata.normalize("NFD", sign[0]), ipa)


_VOICES: Final[Mapping[str, Callable[[Mapping[str, Any]], bool]]] = {
    "azure-speech": lambda options: ":" not in str(options.get("voice_id", "")),
    "google-speech": lambda options: options.get("model", _CHIRP) == _CHIRP,
}
