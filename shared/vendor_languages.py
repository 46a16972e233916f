"""Which of a call's languages a vendor's recogniser hears and tells apart, and its voice speaks; pure.

Control checks agents by it, media makes a call's recognisers of it. Sources: the vendors' pages of supported languages,
put together in docs/vendors/; for Deepgram "Multilingual Voice Agents" and "Models & Languages Overview".
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec import Struct

from shared.azure_locales import find_locale, speaks_locale
from shared.cloud_speech_options import AzureSpeechToTextOptions, GoogleTextToSpeechOptions
from shared.vendor_options import (
    DeepgramSpeechToTextOptions,
    ElevenLabsSpeechToTextOptions,
    SonioxSpeechToTextOptions,
)

SONIOX_LANGUAGES: Final = frozenset(
    (
        *("af", "ar", "az", "be", "bg", "bn", "bs", "ca", "cs", "cy", "da", "de", "el", "en", "es", "et", "eu", "fa"),
        *("fi", "fr", "gl", "gu", "he", "hi", "hr", "hu", "id", "it", "ja", "kk", "kn", "ko", "lt", "lv", "mk", "ml"),
        *("mr", "ms", "nl", "no", "pa", "pl", "pt", "ro", "ru", "sk", "sl", "sq", "sr", "sv", "sw", "ta", "te", "th"),
        *("tl", "tr", "uk", "ur", "vi", "zh"),
    )
)
_SONIOX_ALIASES: Final = {"nb": "no", "nn": "no", "fil": "tl", "iw": "he", "in": "id"}
# Models of ElevenLabs that are told the language, and which ones they speak; others find it out by the text and refuse
# a code (the model's page, and pipecat's table).
ELEVENLABS_TOLD: Final = ("eleven_flash_v2_5", "eleven_turbo_v2_5")
ELEVENLABS_LANGUAGES: Final = (
    *("ar", "bg", "cs", "da", "de", "el", "en", "es", "fi", "fil", "fr", "hi", "hr", "hu", "id", "it"),
    *("ja", "ko", "ms", "nl", "no", "pl", "pt", "ro", "ru", "sk", "sv", "ta", "tr", "uk", "vi", "zh"),
)
_FLUX_MULTILINGUAL: Final = "flux-general-multi"
_ENGLISH: Final = "en"
# What a model of Deepgram hears together.
_TEN: Final = ("en", "es", "fr", "de", "hi", "ru", "pt", "ja", "it", "nl")
_DEEPGRAM_TOGETHER: Final[Mapping[str, Sequence[str]]] = {
    **dict.fromkeys(("nova-3", "nova-3-general", _FLUX_MULTILINGUAL), _TEN),
    **dict.fromkeys(("nova-2", "nova-2-general"), ("en", "es")),
}


def hear_languages(vendor: str, options: Struct, languages: Sequence[str]) -> Struct | None:
    """A recogniser's options with which it hears all of these languages (BCP 47), and tells which was spoken; None
    where it cannot."""
    adapt = _RECOGNISERS.get(vendor)
    return None if adapt is None else adapt(options, languages)


def speaks(vendor: str, options: Mapping[str, Any], language: str) -> bool:
    """Whether a voice speaks a language (BCP 47), as far as is known without asking the vendor. options: of the plan;
    what is not in them has the vendor's default."""
    can_speak = _VOICES.get(vendor)
    return can_speak is None or can_speak(options, language)


def find_soniox_language(language: str) -> str | None:
    """Soniox's code for a language; None for one that it does not know."""
    base = base_language(language)
    code = _SONIOX_ALIASES.get(base, base)
    return code if code in SONIOX_LANGUAGES else None


def base_language(language: str) -> str:
    """ "en" of "en-GB"."""
    return language.replace("_", "-").partition("-")[0].lower()


def _azure(options: AzureSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    """A model of one's own has its own language."""
    locales = tuple(map(find_locale, languages))
    is_one_model = bool(options.endpoint_id)
    return None if is_one_model or not all(locales) else msgspec.structs.replace(options, languages=locales)


def _deepgram(options: DeepgramSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    """Models for a trade, such as `nova-3-medical`, know English only."""
    bases = tuple(map(base_language, languages))
    if not {*bases} <= {*_DEEPGRAM_TOGETHER.get(options.model, ())}:
        return None
    is_flux = options.model == _FLUX_MULTILINGUAL
    return msgspec.structs.replace(options, **({"languages": bases} if is_flux else {"language": "multi"}))


def _elevenlabs(options: ElevenLabsSpeechToTextOptions, languages: Sequence[str]) -> Struct:
    """It tells the language with the times of words only."""
    return msgspec.structs.replace(options, language="auto", word_times=True)


def _soniox(options: SonioxSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    codes = tuple(filter(None, map(find_soniox_language, languages)))
    if len(codes) < len(languages):
        return None
    return msgspec.structs.replace(options, language="", languages=codes, only_language=False)


_RECOGNISERS: Final[Mapping[str, Callable[[Any, Sequence[str]], Struct | None]]] = {
    "azure-speech": _azure,
    "deepgram": _deepgram,
    "elevenlabs": _elevenlabs,
    "soniox": _soniox,
}


def _azure_speaks(options: Mapping[str, Any], language: str) -> bool:
    voice = options.get("voice_id")
    return bool(find_locale(language)) and (voice is None or speaks_locale(str(voice), language))


def _deepgram_speaks(options: Mapping[str, Any], language: str) -> bool:
    """A voice's last part is its language; the default speaks English."""
    return base_language(language) == str(options.get("model", _ENGLISH)).rpartition("-")[2]


def _elevenlabs_speaks(options: Mapping[str, Any], language: str) -> bool:
    is_told = options.get("model", ELEVENLABS_TOLD[0]) in ELEVENLABS_TOLD
    return not is_told or base_language(language) in (*ELEVENLABS_LANGUAGES, "nb")


def _google_speaks(options: Mapping[str, Any], language: str) -> bool:
    """Only one that was set for the voice."""
    own = options.get("language") or GoogleTextToSpeechOptions().language
    return not own or base_language(str(own)) == base_language(language)


_VOICES: Final[Mapping[str, Callable[[Mapping[str, Any], str], bool]]] = {
    "azure-speech": _azure_speaks,
    "deepgram": _deepgram_speaks,
    "elevenlabs": _elevenlabs_speaks,
    "google-speech": _google_speaks,
    "local": lambda options, language: base_language(language) == _ENGLISH,
    "soniox": lambda options, language: find_soniox_language(language) is not None,
}
