"""How carriers name languages, and the words for who could not be put through (others: control/calls/words.py)."""

from typing import Final

# The carriers' own voices want a region too.
_LOCALES: Final = {
    "da": "da-DK", "de": "de-DE", "en": "en-US", "es": "es-ES", "fi": "fi-FI", "fr": "fr-FR", "it": "it-IT",
    "ja": "ja-JP", "ko": "ko-KR", "nb": "nb-NO", "nl": "nl-NL", "no": "nb-NO", "pl": "pl-PL", "pt": "pt-BR",
    "ru": "ru-RU", "sv": "sv-SE", "tr": "tr-TR", "zh": "zh-CN",
}  # fmt: skip
_NOT_REACHED: Final = {
    "en": "Sorry, nobody could take your call. Please try again later. Goodbye.",
    "de": "Leider konnte niemand Ihren Anruf annehmen. Bitte versuchen Sie es später noch einmal. Auf Wiederhören.",
    "es": "Lo sentimos, nadie pudo atender su llamada. Por favor, inténtelo más tarde. Adiós.",
    "fr": "Désolé, personne n'a pu prendre votre appel. Merci de réessayer plus tard. Au revoir.",
}


def locale(language: str) -> str:
    """Like en-US, of "en", "en-GB" or "en_gb"; English for a language that carriers' voices don't speak."""
    short, _, region = language.replace("_", "-").partition("-")
    known = _LOCALES.get(short.lower())
    if known is None:
        return _LOCALES["en"]
    return f"{short.lower()}-{region.upper()}" if len(region) == 2 and region.isalpha() else known


def not_reached(language: str) -> str:
    """Whoever the caller was to be put through to did not answer."""
    return _NOT_REACHED.get(language[:2].lower(), _NOT_REACHED["en"])
