"""The locales of Azure's speech service: which one stands for a language without a region; pure.

Source: learn.microsoft.com/azure/ai-services/speech-service/language-support. Where a language has several, the one of
most speakers of those whose telephones we serve.
"""

from typing import Final

_REGIONS: Final = {
    **{"af": "ZA", "am": "ET", "ar": "EG", "az": "AZ", "bg": "BG", "bn": "IN", "bs": "BA", "ca": "ES", "cs": "CZ"},
    **{"cy": "GB", "da": "DK", "de": "DE", "el": "GR", "en": "US", "es": "ES", "et": "EE", "eu": "ES", "fa": "IR"},
    **{"fi": "FI", "fil": "PH", "fr": "FR", "ga": "IE", "gl": "ES", "gu": "IN", "he": "IL", "hi": "IN", "hr": "HR"},
    **{"hu": "HU", "hy": "AM", "id": "ID", "is": "IS", "it": "IT", "ja": "JP", "jv": "ID", "ka": "GE", "kk": "KZ"},
    **{"km": "KH", "kn": "IN", "ko": "KR", "lo": "LA", "lt": "LT", "lv": "LV", "mk": "MK", "ml": "IN", "mn": "MN"},
    **{"mr": "IN", "ms": "MY", "mt": "MT", "my": "MM", "nb": "NO", "ne": "NP", "nl": "NL", "pa": "IN", "pl": "PL"},
    **{"ps": "AF", "pt": "BR", "ro": "RO", "ru": "RU", "si": "LK", "sk": "SK", "sl": "SI", "so": "SO", "sq": "AL"},
    **{"sr": "RS", "sv": "SE", "sw": "KE", "ta": "IN", "te": "IN", "th": "TH", "tr": "TR", "uk": "UA", "ur": "IN"},
    **{"uz": "UZ", "vi": "VN", "zh": "CN", "zu": "ZA"},
}
LANGUAGES: Final = tuple(_REGIONS)
_OTHER_NAMES: Final = {"no": "nb", "iw": "he", "tl": "fil"}


def base_language(language: str) -> str:
    """ "en" of "en-GB", by the service's own names."""
    base = language.replace("_", "-").partition("-")[0].lower()
    return _OTHER_NAMES.get(base, base)


def find_locale(language: str) -> str:
    """ "de-DE" for "de"; one with a region is returned as the service writes it. Empty for a language that the service
    does not know."""
    parts = language.replace("_", "-").split("-")
    base = base_language(language)
    if len(parts) > 1:
        return "-".join([base, *(part.title() if len(part) == 4 else part.upper() for part in parts[1:])])
    region = _REGIONS.get(base)
    return f"{base}-{region}" if region else ""


def is_multilingual(voice_id: str) -> bool:
    """Whether a voice speaks other languages than its own: HD voices do, and those that say so."""
    return "Multilingual" in voice_id or ":" in voice_id


def speaks_locale(voice_id: str, language: str) -> bool:
    """Whether a voice, whose short name begins with its own locale, can speak a language."""
    return is_multilingual(voice_id) or base_language(language) == base_language(voice_id)
