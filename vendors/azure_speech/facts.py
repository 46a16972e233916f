"""Options, hosts and locales of Azure's speech service; no I/O.

If a language has several locales, it uses the locale with the most speakers among the countries whose phone numbers we
serve. Sources: learn.microsoft.com/azure/ai-services/speech-service (regions, sovereign clouds, private endpoints;
language-support), collected in docs/develop/vendors/azure.md.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta, Struct

from shared.plan import LONGEST_KEYTERM
from shared.providers.facts import KeytermOption, RecognizerFacts, VendorFacts, VoiceFacts
from shared.providers.options import (
    Languages,
    Name,
    OptionalSocketUrl,
    Seconds,
)

AzureRegion = Annotated[str, Meta(pattern=r"^[a-z][a-z0-9]+\Z", max_length=40)]
AzureSegmentation = Literal["", "semantic"]
# An SSML attribute: a word, or a number with its unit.
AzureTone = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+.%-]*\Z", max_length=40)]
AZURE_REGION: Final = "eastus"
# A multilingual voice from Azure's own examples.
AZURE_VOICE_ID: Final = "en-US-AvaMultilingualNeural"
# The maximum length of a phrase list (Azure, "Improve recognition accuracy with phrase list").
AZURE_KEYTERMS: Final = 500


class AzureSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an Azure recognizer.

    Attributes:
        region: The resource's region, which determines the host.
        base_url: Scheme and host of a custom domain, in place of the region's host.
        endpoint_id: A custom model, which determines the language.
        language: Replaces the call's language.
        languages: Candidates for the vendor's language detection.
        keyterm: Expected words.
        segmentation: `semantic` ends phrases at the ends of sentences.
        segmentation_silence_ms: Silence after which a phrase ends. None uses the vendor's default.
        connect_s: Time limit for a new connection.
    """

    model: Literal["realtime"] = "realtime"
    api_key: str = ""
    region: AzureRegion = AZURE_REGION
    base_url: OptionalSocketUrl = ""
    endpoint_id: Annotated[str, Meta(max_length=100)] = ""
    language: Annotated[str, Meta(max_length=20)] = ""
    languages: Languages = ()
    keyterm: Annotated[tuple[Name, ...], Meta(max_length=AZURE_KEYTERMS)] = ()
    profanity: Literal["raw", "masked", "removed"] = "raw"
    segmentation: AzureSegmentation = ""
    segmentation_silence_ms: Annotated[int, Meta(ge=100, le=5_000)] | None = None
    connect_s: Seconds = 3.0


class AzureTextToSpeechOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """Options of an Azure voice.

    Attributes:
        region: The resource's region, which determines the host.
        base_url: Scheme and host of a custom domain, in place of the region's host.
        voice_id: The voice's short name.
        style: SSML value; empty uses the voice's default.
        rate: SSML value; empty uses the voice's default.
        pitch: SSML value; empty uses the voice's default.
        volume: SSML value; empty uses the voice's default.
        endpoint_id: A custom voice.
        lexicon_url: URL of a list of pronunciations that the vendor reads.
        connect_s: Time limit for a new connection.
        max_idle: Number of connections kept open between speeches.
    """

    model: Literal["neural", "neural-hd"] = "neural"
    api_key: str = ""
    region: AzureRegion = AZURE_REGION
    base_url: OptionalSocketUrl = ""
    voice_id: Annotated[str, Meta(pattern=r"^[a-z]{2,3}-[A-Za-z0-9-]+(:[A-Za-z0-9-]+)?\Z", max_length=100)] = (
        AZURE_VOICE_ID
    )
    style: AzureTone = ""
    rate: AzureTone = ""
    pitch: AzureTone = ""
    volume: AzureTone = ""
    endpoint_id: Annotated[str, Meta(max_length=100)] = ""
    lexicon_url: Annotated[str, Meta(pattern=r"^(https://\S+)?\Z", max_length=500)] = ""
    connect_s: Seconds = 3.0
    max_idle: Annotated[int, Meta(ge=0, le=16)] = 4


_CLOUDS: Final = (("china", "azure.cn"), ("usgov", "azure.us"), ("usdod", "azure.us"))
_PUBLIC: Final = "microsoft.com"


def find_base_url(base_url: str, region: str, role: Literal["stt", "tts"]) -> str:
    """Return the URL to which the service's paths are appended.

    Args:
        base_url: Scheme and host of the resource's own domain, which serves both roles. Empty for the host of the
            region.
        region: The region's identifier, such as "westeurope", which also determines the cloud.
        role: Whether the URL is for recognition or speech.
    """
    if base_url:
        return f"{base_url.rstrip('/')}/{role}"
    domain = next((name for start, name in _CLOUDS if region.startswith(start)), _PUBLIC)
    return f"wss://{region}.{role}.speech.{domain}"


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


def service_language(language: str) -> str:
    """Return Azure's code for a language without its region, such as "en" for "en-GB"."""
    base = language.replace("_", "-").partition("-")[0].lower()
    return _OTHER_NAMES.get(base, base)


def find_locale(language: str) -> str:
    """Return Azure's locale for a language, such as "de-DE" for "de".

    A code with a region keeps its region, spelled as Azure spells it. Returns "" if Azure does not support the
    language.
    """
    parts = language.replace("_", "-").split("-")
    base = service_language(language)
    if len(parts) > 1:
        return "-".join([base, *(part.title() if len(part) == 4 else part.upper() for part in parts[1:])])
    region = _REGIONS.get(base)
    return f"{base}-{region}" if region else ""


def is_multilingual(voice_id: str) -> bool:
    """Return whether a voice speaks languages other than its own. HD voices do, and voices with "Multilingual" in their
    name.
    """
    return "Multilingual" in voice_id or ":" in voice_id


def speaks_locale(voice_id: str, language: str) -> bool:
    """Return whether a voice can speak a language. The voice's short name begins with its own locale."""
    return is_multilingual(voice_id) or service_language(language) == service_language(voice_id)


def _hear(options: AzureSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    """Return options that detect all these languages; None with a custom model, which has a fixed language."""
    locales = tuple(map(find_locale, languages))
    is_one_model = bool(options.endpoint_id)
    return None if is_one_model or not all(locales) else msgspec.structs.replace(options, languages=locales)


def _speaks(options: Mapping[str, Any], language: str) -> bool:
    voice = options.get("voice_id")
    return bool(find_locale(language)) and (voice is None or speaks_locale(str(voice), language))


_RECOGNIZERS: Final = (
    RecognizerFacts(
        "Speech to text",
        ("realtime",),
        word_times=True,
        turn_signals=False,
        detects_language=True,
        languages=LANGUAGES,
        limits="100 requests at once (S0); 600 s a connection, then media opens the next",
        with_option="tells language with `languages`, up to 10, as agents of several languages have it",
    ),
)
_VOICES: Final = (
    VoiceFacts(
        "Neural voices",
        ("neural",),
        word_times=True,
        languages=LANGUAGES,
        other_languages="of these, the voice's own",
        pronunciations="IPA of agents (not by HD voices), `lexicon_url`",
    ),
)


def _takes_ipa(options: Mapping[str, Any]) -> bool:
    """Return whether the voice accepts IPA. HD voices do not ("Phonetic pronunciation", "Neural HD voices")."""
    return ":" not in str(options.get("voice_id", ""))


FACTS: Final = VendorFacts(
    options={
        "stt": (
            *("model", "region", "endpoint_id", "keyterm", "languages", "profanity"),
            *("segmentation", "segmentation_silence_ms"),
        ),
        "tts": ("voice_id", "model", "region", "endpoint_id", "style", "rate", "pitch", "volume"),
    },
    takes_key=True,
    takes_address=True,
    model_prefixes={"stt": ("realtime",), "tts": ("neural",)},
    schemas={"stt": AzureSpeechToTextOptions, "tts": AzureTextToSpeechOptions},
    services={"stt": _RECOGNIZERS, "tts": _VOICES},
    keyterms=KeytermOption(
        "keyterm", ("realtime",), most=AZURE_KEYTERMS, most_characters=AZURE_KEYTERMS * LONGEST_KEYTERM
    ),
    hears=_hear,
    speaks=_speaks,
    takes_ipa=_takes_ipa,
)
