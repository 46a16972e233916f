"""What Azure's speech service can do and be asked, its addresses and its locales; pure.

Sources: learn.microsoft.com/azure/ai-services/speech-service (regions, sovereign clouds, private endpoints;
language-support), put together in docs/develop/vendors/azure.md. Where a language has several locales, the one of most
speakers of those whose telephones we serve stands for it.
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
# An attribute of SSML: a word, or a number with its unit.
AzureTone = Annotated[str, Meta(pattern=r"^[A-Za-z0-9+.%-]*\Z", max_length=40)]
AZURE_REGION: Final = "eastus"
# A voice of many languages, of Azure's own examples.
AZURE_VOICE_ID: Final = "en-US-AvaMultilingualNeural"
# Of a phrase list (Azure, "Improve recognition accuracy with phrase list").
AZURE_KEYTERMS: Final = 500


class AzureSpeechToTextOptions(Struct, frozen=True, forbid_unknown_fields=True):
    """region: of the resource, which names the host; base_url: scheme and host in place of it (a custom domain).
    endpoint_id: of a model of one's own, whose language it has. language: in place of the call's. languages: among
    which the vendor finds the caller's by itself. keyterm: words to expect. segmentation: `semantic` ends phrases at
    the ends of sentences. segmentation_silence_ms: silence after which a phrase ends; the vendor's own where None.
    connect_s: limit of a new connection."""

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
    """region, base_url: as of AzureSpeechToTextOptions. voice_id: the voice's short name. style, rate, pitch, volume:
    as SSML has them; the voice's own where empty. endpoint_id: of a voice of one's own. lexicon_url: of a list of
    pronunciations that the vendor reads. connect_s: limit of a new connection. max_idle: connections kept between
    speeches."""

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
    """What stands before the service's paths. base_url: scheme and host of the resource's own domain, which serves both
    roles; empty for the host of its region and role. region: its identifier ("westeurope"), which names the cloud."""
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
    """ "en" of "en-GB", by the service's own names."""
    base = language.replace("_", "-").partition("-")[0].lower()
    return _OTHER_NAMES.get(base, base)


def find_locale(language: str) -> str:
    """ "de-DE" for "de"; one with a region is returned as the service writes it. Empty for a language that the service
    does not know."""
    parts = language.replace("_", "-").split("-")
    base = service_language(language)
    if len(parts) > 1:
        return "-".join([base, *(part.title() if len(part) == 4 else part.upper() for part in parts[1:])])
    region = _REGIONS.get(base)
    return f"{base}-{region}" if region else ""


def is_multilingual(voice_id: str) -> bool:
    """Whether a voice speaks other languages than its own: HD voices do, and those that say so."""
    return "Multilingual" in voice_id or ":" in voice_id


def speaks_locale(voice_id: str, language: str) -> bool:
    """Whether a voice, whose short name begins with its own locale, can speak a language."""
    return is_multilingual(voice_id) or service_language(language) == service_language(voice_id)


def _hear(options: AzureSpeechToTextOptions, languages: Sequence[str]) -> Struct | None:
    """A model of one's own has its own language."""
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
    """Azure takes IPA in SSML, but not of its HD voices ("Phonetic pronunciation", "Neural HD voices")."""
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
