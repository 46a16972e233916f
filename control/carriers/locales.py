"""Locales in which the carriers' own voices speak."""

from typing import Final

# Carriers' voices need a region: "de" alone is no language of theirs.
_LOCALES: Final = {
    "da": "da-DK", "de": "de-DE", "en": "en-US", "es": "es-ES", "fi": "fi-FI", "fr": "fr-FR", "hi": "hi-IN",
    "is": "is-IS", "it": "it-IT", "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL", "nn": "nb-NO",
    "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR", "ro": "ro-RO", "ru": "ru-RU", "sv": "sv-SE", "tr": "tr-TR",
    "zh": "zh-CN",
}  # fmt: skip


def locale(language: str) -> str:
    """Returns a locale such as en-US for "en", "en-GB" or "en_gb"; en-US for a language that the voices lack."""
    short, _, region = language.replace("_", "-").partition("-")
    known = _LOCALES.get(short.lower())
    if known is None:
        return _LOCALES["en"]
    return f"{short.lower()}-{region.upper()}" if len(region) == 2 and region.isalpha() else known
