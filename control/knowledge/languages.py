"""PostgreSQL's text search configurations by language."""

from collections.abc import Mapping
from typing import Final

# Those that every PostgreSQL since 14 ships (its documentation: 12.6.6, Snowball Dictionary), by the first part of the
# BCP 47 tag.
_CONFIGURATIONS: Final[Mapping[str, str]] = {
    "ar": "arabic", "ca": "catalan", "da": "danish", "de": "german", "el": "greek", "en": "english", "es": "spanish",
    "eu": "basque", "fi": "finnish", "fr": "french", "ga": "irish", "hi": "hindi", "hu": "hungarian", "hy": "armenian",
    "id": "indonesian", "it": "italian", "lt": "lithuanian", "nb": "norwegian", "ne": "nepali", "nl": "dutch",
    "nn": "norwegian", "no": "norwegian", "pt": "portuguese", "ro": "romanian", "ru": "russian", "sr": "serbian",
    "sv": "swedish", "ta": "tamil", "tr": "turkish", "yi": "yiddish",
}  # fmt: skip


def configuration_of(language: str) -> str:
    """The configuration that stems this language (BCP 47); `simple`, which does not stem, for others."""
    return _CONFIGURATIONS.get(language.partition("-")[0].lower(), "simple")
